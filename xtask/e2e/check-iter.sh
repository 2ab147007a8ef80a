# once
# timeout: 900
# `seqtrace check` on the files of seqbugs with read_iter. Each bug is found, with its root cause and the faulty function
# first; the reproduce line shows the bug; each look-alike is clean.
. "$E2E/lib.sh"
load seqbugs
. "$E2E/seqbugs.parts"

echo >/proc/seqbugs/ok_consumed
check_all 1 '/proc/seqbugs/*'
for name in $(names 'BUG') $(names 'OK'); do
	judge $name /proc/seqbugs
done
# A glob ignores folders, and a link does not count as another file.
expect_eq folders "" "$(of /proc/seqbugs/plain verdict)$(of /proc/seqbugs/fixed verdict)"

# A file that reading empties is read with --force only, and gets no reproduce line.
echo >/proc/seqbugs/ok_consumed
seqtrace check $LIMITS --force --format json /proc/seqbugs/ok_consumed >all.json 2>err
expect_eq consumed/reproduce - "$(of /proc/seqbugs/ok_consumed reproduce.command)"

# attach also reports a failing open.
for backend in core callbacks; do
	for name in open_fails ok_open_fails; do
		seqtrace attach --format json --backend $backend /proc/seqbugs/$name -- \
			cat /proc/seqbugs/$name >$name 2>err
	done
	expect_eq $backend/open_fails SQ403 "$(e2e-helper json open_fails type=finding --print id | sort -u)"
	expect_eq $backend/ok_open_fails "" "$(e2e-helper json ok_open_fails type=finding --print id)"
done
unload seqbugs
