# What is rare, forced: full maps, returns that the kernel could not note, a core that is not understood.
# Each is counted, exactly, and no verdict stands on what was not seen.
. "$E2E/lib.sh"

FILE=/proc/version

# Whether the reader has read: a whole line, which it passes on at once. (Its descriptor's file in /proc is a
# seq file itself, and would take room.)
has_read() {
	[ -s got ]
}

# Room for four files and eight are open: of the others neither the open nor the read is followed.
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
	expect_grep sessions/told 'SQ902' $TRACE
fi

# Not understood: the other backend, and why.
TRACE=core.json
if attach_bg --format json --inject no-core $FILE; then
	cat $FILE >/dev/null
	expect_status no-core/exit 0 stop_attach
	expect_grep no-core/callbacks '"backend":"callbacks"' $TRACE
	expect_grep no-core/why '"backend_reason":"[^"]' $TRACE
	expect_eq no-core/seen 1 "$(e2e-helper json $TRACE type=cb role=show --print role | wc -l)"
fi
expect_status no-core/asked 3 seqtrace attach --inject no-core --backend core $FILE

# A reader of events that is slow, and a ring that is small: what is lost and what is got is all there was.
for pause in 0 300; do
	# Room for all of it, and for little.
	case $pause in 0) ring=8MiB ;; *) ring=16KiB ;; esac
	seqtrace record -o $pause.seqtrace --ring-size $ring --inject pause=$pause /proc/kallsyms -- \
		e2e-helper read-all /proc/kallsyms 4096 --most 200000 >/dev/null 2>$pause.err
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

# Many are inside of one function at the same time: show() sleeps, longer than forty readers take to start.
load sequence
echo 3000 >/sys/module/sequence/parameters/delay

# crowd TASKS: each reads one record. $status of the tracer, how many callbacks and shows it saw, and what
# it counted as missed.
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

# forced NAME: so that what follows is not about nothing
forced() {
	if [ "$missed" -gt 0 ]; then ok $1/forced; else fail $1/forced "none was missed"; fi
}

# More tasks than the kernel can note returns of (a kretprobe's maxactive).
TRACE=returns.json
if attach_bg --format json --backend callbacks --fail-on warn /proc/sequence; then
	crowd 40
	forced returns
	expect_eq returns/exact 40 $((shown + missed))
	expect_eq returns/inconclusive 4 $status
fi
# More than the programs have room for: of each the entry is counted that there was no room for.
TRACE=calls.json
if attach_bg --format json --backend callbacks --inject calls=2 --fail-on warn /proc/sequence; then
	crowd 8
	forced calls
	# start, show, next and stop
	expect_eq calls/exact $((8 * 4)) $((seen + missed))
	expect_eq calls/inconclusive 4 $status
fi
# The core's own call sites need no such room.
TRACE=returns.core.json
if attach_bg --format json --backend core --fail-on warn /proc/sequence; then
	crowd 40
	expect_eq returns/core 0 $status
	expect_eq returns/core-all 40 $shown
fi
