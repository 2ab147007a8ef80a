# An oops in a callback kills the reader inside its read: the session ends with a finding of its own, in attach, in a
# recording and in check. The tracer goes on, and nothing is left behind.
. "$E2E/lib.sh"

FILE=/dev/seqoops
load oops
PARAMETERS=/sys/module/oops/parameters
# Guests panic at an oops, because no other test provokes one.
echo 0 >/proc/sys/kernel/panic_on_oops

# The run ends with a look into the kernel log, for complaints that nothing provoked.
recovered() {
	dmesg | grep -q "$1" && ok $2/happened || fail $2/happened "no oops in the kernel log"
	dmesg -c >/dev/null
}

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --backend $backend --record $backend.seqtrace --fail-on error $FILE || continue
	for callback in start show next stop; do
		echo $callback >$PARAMETERS/callback
		case $callback in start) at=0 ;; stop) at=10 ;; *) at=5 ;; esac
		echo $at >$PARAMETERS/at
		e2e-helper ops $FILE r4096 >/dev/null 2>&1
		expect_eq $backend/$callback/killed 137 $?
		recovered "oops_at+.*\[oops\]" $backend/$callback
	done
	# The next reader is traced as ever.
	echo none >$PARAMETERS/callback
	e2e-helper ops $FILE r4096 >got
	expect_eq $backend/after 10 "$(wc -l <got)"
	expect_status $backend/exit 1 stop_attach

	number=0
	for place in "start 0" "show 5" "next 5" "stop 10"; do
		number=$((number + 1))
		callback=${place% *}
		expect_eq $backend/$callback/finding "SQ404 error $callback" \
			"$(echo $(fields s$number finding id,severity,blame.role))"
		expect_eq $backend/$callback/note "$callback" "$(fields s$number note role)"
		expect_eq $backend/$callback/close "seq_release []" "$(fields s$number close by,partial)"
	done
	expect_eq $backend/clean "" "$(fields s5 finding id)"
	expect_eq $backend/counted "0 0" "$(echo $(e2e-helper json $TRACE type=end --print lost,missed))"
	seqtrace replay --format json $backend.seqtrace >replayed 2>/dev/null
	cmp $TRACE replayed && ok $backend/replay || fail $backend/replay "replay shows something else"
	expect_status $backend/from 1 seqtrace check --from $backend.seqtrace -o report
	expect_grep $backend/from/report 'SQ404 reader died: .*inside start() at position 0' report
done

# check survives the death of its reader.
echo show >$PARAMETERS/callback
echo 5 >$PARAMETERS/at
expect_status check/status 1 seqtrace check -o report $FILE
expect_grep check/report 'SQ404 reader died: .*inside show() at position 5' report
recovered "oops_at+.*\[oops\]" check
echo none >$PARAMETERS/callback
expect_status check/after 0 seqtrace check -o report $FILE

# Its module can be unloaded.
unload oops && ok unloaded
echo 1 >/proc/sys/kernel/panic_on_oops
