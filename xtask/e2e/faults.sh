# Forces rare faults: full maps, missed returns of kretprobes, a core whose call sites cannot be analysed. Each fault is
# counted exactly, and no verdict relies on events that were not seen.
. "$E2E/lib.sh"

FILE=/proc/version

# Returns true if the reader has read a line, which it forwards at once. (Its file in /proc/PID/fdinfo is not used,
# because that is a seq file and would take a slot.)
has_read() {
	[ -s got ]
}

# The map has four entries and eight files are open: neither the open nor the reads of the others are traced.
TRACE=sessions.json
if attach_bg --format json --inject sessions=4 --fail-on warn $FILE; then
	rm -f go
	readers=
	for _ in 1 2 3 4 5 6 7 8; do
		rm -f got
		e2e-helper ops $FILE r1000 e"$PWD/go" >got &
		reader=$!
		readers="$readers $reader"
		wait_for 60 has_read || fail sessions/read "a reader has not read"
	done
	touch go
	wait $readers
	expect_status sessions/inconclusive 4 stop_attach
	expect_eq sessions/seen 4 "$(grep -c '"type":"open"' $TRACE)"
	expect_eq sessions/counted 8 "$(e2e-helper json $TRACE type=end --print missed)"
	expect_grep sessions/reported 'SQ902' $TRACE
fi

# If the call sites cannot be analysed, seqtrace uses the other backend and reports the reason.
TRACE=core.json
if attach_bg --format json --inject no-core $FILE; then
	cat $FILE >/dev/null
	expect_status no-core/exit 0 stop_attach
	expect_grep no-core/callbacks '"backend":"callbacks"' $TRACE
	expect_grep no-core/why '"backend_reason":"[^"]' $TRACE
	expect_eq no-core/seen 1 "$(e2e-helper json $TRACE type=cb role=show --print role | wc -l)"
fi
expect_status no-core/asked 3 seqtrace attach --inject no-core --backend core $FILE

# With a slow reader of events and a small ring buffer, the lost and the received events add up to all events.
for pause in 0 300; do
	# A ring buffer that holds all events, and one that holds few.
	case $pause in 0) ring=8MiB ;; *) ring=16KiB ;; esac
	seqtrace record -o $pause.seqtrace --ring-size $ring --inject pause=$pause /proc/kallsyms -- \
		e2e-helper ops /proc/kallsyms a4096@200000 >/dev/null 2>$pause.err
	recorded=$(sed -n 's/^recorded \([0-9]*\) events.*/\1/p' $pause.err)
	seqtrace replay --format json $pause.seqtrace >$pause.json 2>/dev/null
	gaps=$(grep -c '"type":"gap"' $pause.json)
	lost=$(e2e-helper json $pause.json type=end --print lost)
	eval "all_$pause=$((recorded - gaps + lost)) lost_$pause=$lost"
done
if [ "$lost_300" -gt "$lost_0" ]; then
	ok slow/forced
else
	fail slow/forced "$lost_300 events were lost with a pause, $lost_0 without"
fi
expect_eq slow/exact "$all_0" "$all_300"

# Many tasks are inside one function at the same time: show() sleeps longer than forty readers take to start.
load sequence
echo 3000 >/sys/module/sequence/parameters/delay

# crowd TASKS: each task reads one record. Sets $status of the tracer and the numbers of callbacks, shows and missed
# calls in the trace.
crowd() {
	readers=
	for _ in $(seq $1); do
		e2e-helper ops /proc/sequence r2 >/dev/null &
		readers="$readers $!"
	done
	wait $readers
	stop_attach
	status=$?
	seen=$(e2e-helper json $TRACE type=cb --print role | wc -l)
	shown=$(e2e-helper json $TRACE type=cb role=show --print role | wc -l)
	missed=$(e2e-helper json $TRACE type=end --print missed)
}

# forced NAME: fails if the fault did not occur, because the following tests would then test nothing
forced() {
	if [ "$missed" -gt 0 ]; then ok $1/forced; else fail $1/forced "none was missed"; fi
}

# More tasks than a kretprobe can track (maxactive).
TRACE=returns.json
if attach_bg --format json --backend callbacks --fail-on warn /proc/sequence; then
	crowd 40
	forced returns
	expect_eq returns/exact 40 $((shown + missed))
	expect_eq returns/inconclusive 4 $status
fi
# More tasks than the programs' map holds: each call without an entry in the map is counted.
TRACE=calls.json
if attach_bg --format json --backend callbacks --inject calls=2 --fail-on warn /proc/sequence; then
	crowd 8
	forced calls
	# start, show, next and stop
	expect_eq calls/exact $((8 * 4)) $((seen + missed))
	expect_eq calls/inconclusive 4 $status
fi
# The backend core needs no such entries.
TRACE=returns.core.json
if attach_bg --format json --backend core --fail-on warn /proc/sequence; then
	crowd 40
	expect_eq returns/core 0 $status
	expect_eq returns/core-all 40 $shown
fi
