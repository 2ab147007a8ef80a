# once on 6.1
# timeout: 900
# `seqtrace check` on the repaired files of seqbugs. For each bug, the faulty function was changed as `seqtrace explain`
# advises for the root cause. No finding must be left.
. "$E2E/lib.sh"
load seqbugs
. "$E2E/seqbugs.parts"

for folder in /proc/seqbugs/fixed /proc/seqbugs/plain/fixed; do
	# The repaired file still cannot be opened.
	fixed=$(names BUG | grep -v open_fails)
	check_all 0 $(for name in $fixed; do echo $folder/$name; done)
	for name in $fixed; do
		look_alike ${folder#/proc/seqbugs/}/$name $folder/$name
	done
	expect_status ${folder#/proc/seqbugs/}/open_fails 5 seqtrace check -q -o report $folder/open_fails
done
unload seqbugs
