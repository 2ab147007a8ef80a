# timeout: 900
# `seqtrace check` and the files of seqbugs that have read_iter: each bug is found, its root cause and the
# function at fault first, the line that reproduces it does so, and each look-alike is clean.
. "$E2E/lib.sh"
load seqbugs
. "$E2E/seqbugs.parts"

echo >/proc/seqbugs/ok_consumed
check_all 1 '/proc/seqbugs/*'
for name in $(names 'BUG') $(names 'OK'); do
	judge $name /proc/seqbugs
done
# The glob passes over folders, and a link is no further file.
expect_eq folders "" "$(of /proc/seqbugs/plain verdict)$(of /proc/seqbugs/fixed verdict)"

# What reading takes away is read with --force only, and then has no line that shows anything.
echo >/proc/seqbugs/ok_consumed
seqtrace check $LIMITS --force --format json /proc/seqbugs/ok_consumed >all.json 2>err
expect_eq consumed/reproduce - "$(of /proc/seqbugs/ok_consumed reproduce.command)"

# An open that fails is seen by attach as well.
for backend in core callbacks; do
	for name in open_fails ok_open_fails; do
		seqtrace attach --format json --backend $backend /proc/seqbugs/$name -- \
			cat /proc/seqbugs/$name >$name 2>err
	done
	expect_eq $backend/open_fails SQ403 "$(e2e-helper json open_fails type=finding --print id | sort -u)"
	expect_eq $backend/ok_open_fails "" "$(e2e-helper json ok_open_fails type=finding --print id)"
done
unload seqbugs
