# An open fails after seq_open() has succeeded: attach, a recording and check report the leak, in procfs and in debugfs.
# A driver that calls seq_release() first leaks nothing.
. "$E2E/lib.sh"

load seqbugs
FAILS=/proc/seqbugs/open_fails
FINE=/proc/seqbugs/ok_open_fails
seqtrace schema >schema

findings() {
	e2e-helper json "$TRACE" type=finding --print session,id,severity,blame | tr '\t' ' '
}

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --backend $backend $FAILS $FINE || continue
	cat $FAILS $FINE 2>errors
	expect_status $backend/exit 0 stop_attach
	expect_eq $backend/opens "$(printf '0 -\n-22 EINVAL')" "$(fields s1 open ret,errno)"
	expect_eq $backend/close "- 0 []" "$(fields s1 close by,reads,partial)"
	expect_eq $backend/released "0 seq_release_private" "$(fields s2 open ret) $(fields s2 close by)"
	expect_eq $backend/findings "s1 SQ403 error -" "$(findings)"
	expect_status $backend/schema 0 e2e-helper validate schema $TRACE
done

# The leak is found with every kind of target.
leaks() {
	expect_status "target/$1" 1 seqtrace attach -q --fail-on error -o x "$@" -- cat $FAILS
}
leaks
leaks module:seqbugs
leaks '/proc/seqbugs/*'

# A recording has the same finding.
seqtrace attach --record a.seqtrace -o live $FAILS $FINE -- cat $FAILS $FINE >text 2>&1
seqtrace replay a.seqtrace >replayed 2>/dev/null
if cmp live replayed; then ok replay; else fail replay "replay shows something else"; fi
expect_grep timeline "OPEN  $FAILS   = EINVAL  after seq_open() had succeeded" live
expect_status from/status 1 seqtrace check --from a.seqtrace $FAILS -o report
expect_grep from/report 'SQ403 never released: open() failed with EINVAL after seq_open() had succeeded' report

# check cannot read the file, but reports the leak.
for file in $FAILS /proc/seqbugs/plain/open_fails /sys/kernel/debug/seqbugs/open_fails; do
	expect_status check/$file 1 seqtrace check "$file" -o report
	expect_grep check/$file/report 'SQ403 never released: open() failed with EINVAL' report
	expect_grep check/$file/note 'cannot be opened: EINVAL' report
done
for file in $FINE /proc/seqbugs/fixed/open_fails /sys/kernel/debug/seqbugs/fixed/open_fails; do
	expect_status check/$file 5 seqtrace check "$file" -o report
done
expect_status list 0 seqtrace list $FAILS
