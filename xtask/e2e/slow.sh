# once
# While show() sleeps, the trace already has the callbacks before it, although the programs submit events in batches.
. "$E2E/lib.sh"

load sequence
DELAY=/sys/module/sequence/parameters/delay

# role ROLE: prints the number of callbacks of this role in the trace so far
role() {
	grep -c "\"role\":\"$1\"" $TRACE
}

for backend in core callbacks; do
	echo 2000 >$DELAY
	TRACE=$backend.json
	attach_bg --format json --backend $backend /proc/sequence || continue
	e2e-helper ops /proc/sequence r6 >/dev/null &
	reader=$!
	# The file has three records of two bytes each; next() returns the second and the third.
	for number in 1 2; do
		wait_for 60 lines $number '"role":"next"' || fail $backend/next-$number "it was not seen"
		expect_eq $backend/before-its-show-$number $number "$(role show)"
	done
	echo 0 >$DELAY
	wait $reader
	expect_status $backend/exit 0 stop_attach
	expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions 1
	expect_eq $backend/roles "start show next show next show next stop" \
		"$(e2e-helper json $TRACE type=cb --print role | tr '\n' ' ' | sed 's/ $//')"

	# The trace ends while show() sleeps.
	echo 2000 >$DELAY
	TRACE=$backend.end.json
	attach_bg --format json --backend $backend /proc/sequence || continue
	e2e-helper ops /proc/sequence r6 >/dev/null &
	reader=$!
	wait_for 60 lines 1 '"role":"show"' || fail $backend/show "it was not seen"
	expect_status $backend/end 0 stop_attach
	expect_eq $backend/end-roles "start show next" \
		"$(e2e-helper json $TRACE type=cb --print role | tr '\n' ' ' | sed 's/ $//')"
	echo 0 >$DELAY
	wait $reader
done

# check gives up on a read that does not return, and its reader ends with the read.
echo 40000 >$DELAY
begin=$(cut -d . -f 1 /proc/uptime)
expect_status check/status 4 seqtrace check --time-limit 5s --read-limit 2s -o report /proc/sequence
took=$(($(cut -d . -f 1 /proc/uptime) - begin))
[ $took -lt 35 ] && ok check/time || fail check/time "$took s"
expect_grep check/reason 'a read did not return' report
echo 0 >$DELAY
wait_for 60 no_process && ok check/reader || fail check/reader "it goes on"
