# timeout: 240
# What is rare, forced: full maps, returns that the kernel could not note, a core that is not understood.
# Each is counted, exactly, and no verdict stands on what was not seen.
. "$E2E/lib.sh"

FILE=/proc/version

# lines N PATTERN: whether the trace has this many lines that match.
lines() {
	[ "$(grep -c "$2" "$TRACE")" -ge "$1" ]
}

# Room for four files and eight are open: of the others neither the open nor the read is followed.
TRACE=sessions.json
if attach_bg --format json --inject sessions=4 --fail-on warn $FILE; then
	rm -f go
	for reader in 1 2 3 4 5 6 7 8; do
		e2e-helper ops $FILE r10 e"$PWD/go" >/dev/null &
		readers="$readers $!"
		wait_for 10 lines "$((reader < 4 ? reader : 4))" '"type":"read"'
	done
	sleep 1
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
	seqtrace record -o $pause.seqtrace --ring-size 64KiB --inject pause=$pause /proc/kallsyms -- \
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

# More tasks inside of one function than the kernel can note returns of (a kretprobe's maxactive).
load sequence
echo 500 >/sys/module/sequence/parameters/delay
tasks=40
TRACE=returns.json
if attach_bg --format json --backend callbacks --fail-on warn /proc/sequence; then
	readers=
	for reader in $(seq $tasks); do
		e2e-helper ops /proc/sequence r2 >/dev/null &
		readers="$readers $!"
	done
	wait $readers
	stop_attach
	status=$?
	shown=$(e2e-helper json $TRACE type=cb role=show --print role | wc -l)
	missed=$(e2e-helper json $TRACE type=end --print missed)
	if [ "$missed" -gt 0 ]; then ok returns/forced; else fail returns/forced "none was missed"; fi
	expect_eq returns/exact $tasks $((shown + missed))
	expect_eq returns/inconclusive 4 $status
fi
# The core's own call sites need no such room.
TRACE=returns.core.json
if attach_bg --format json --backend core --fail-on warn /proc/sequence; then
	readers=
	for reader in $(seq $tasks); do
		e2e-helper ops /proc/sequence r2 >/dev/null &
		readers="$readers $!"
	done
	wait $readers
	expect_status returns/core 0 stop_attach
	expect_eq returns/core-all $tasks "$(e2e-helper json $TRACE type=cb role=show --print role | wc -l)"
fi
