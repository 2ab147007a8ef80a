# timeout: 900
# `seqtrace check` and the repaired files of seqbugs: of each bug, the function at fault was changed as
# `seqtrace explain` advises for its root cause, and nothing is found any more.
. "$E2E/lib.sh"
load seqbugs
. "$E2E/seqbugs.parts"

for folder in /proc/seqbugs/fixed /proc/seqbugs/plain/fixed; do
	# Repaired, it still cannot be opened.
	fixed=$(names BUG | grep -v open_fails)
	check_all 0 $(for name in $fixed; do echo $folder/$name; done)
	for name in $fixed; do
		look_alike ${folder#/proc/seqbugs/}/$name $folder/$name
	done
	expect_status ${folder#/proc/seqbugs/}/open_fails 5 seqtrace check -q -o report $folder/open_fails
done
unload seqbugs
