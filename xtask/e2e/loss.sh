# arm64
# Loss, forced by a tiny ring buffer: every lost event is counted, the trace has gaps where events were lost, and the
# affected sessions are marked as partial.
. "$E2E/lib.sh"

# The same reads with a ring buffer that holds every event, and with one that holds few: the sum of recorded and lost
# events is the same.
events() {
	seqtrace record -o $1.seqtrace --backend $2 --ring-size $3 /proc/kallsyms -- \
		e2e-helper ops /proc/kallsyms a4096@50000 >reads 2>$1.err
	recorded=$(sed -n 's/^recorded \([0-9]*\) events.*/\1/p' $1.err)
	seqtrace replay --format json $1.seqtrace >$1.json 2>/dev/null
	gaps=$(grep -c '"type":"gap"' $1.json)
	lost=$(e2e-helper json $1.json type=end --print lost)
}

for backend in core callbacks; do
	events whole $backend 64MiB
	expect_eq $backend/whole "0 0" "$gaps $lost"
	all=$recorded
	events little $backend 4KiB
	if [ "$lost" -gt 0 ]; then ok $backend/forced; else fail $backend/forced "nothing was lost"; fi
	# A gap counts as an event of the recording, but the kernel did not emit it.
	expect_eq $backend/exact "$all" $((recorded - gaps + lost))
	expect_status $backend/inconclusive 4 seqtrace check --from little.seqtrace -o report
	expect_grep $backend/reported 'inconclusive.*\(event was\|events were\) lost' report

	TRACE=$backend.json
	attach_bg --format json --ring-size 4KiB --backend $backend /proc/kallsyms || continue
	head -c 200000 /proc/kallsyms >/dev/null
	expect_status $backend/exit 0 stop_attach
	gaps=$(e2e-helper json $TRACE type=gap --print lost | awk '{s += $1} END {print s + 0}')
	if [ "$gaps" -gt 0 ]; then ok $backend/gaps; else fail $backend/gaps "nothing was lost"; fi
	expect_eq $backend/counted "$gaps" "$(e2e-helper json $TRACE type=end --print lost)"
	# The session may be partial for other reasons, too: its release may be lost.
	expect_grep $backend/partial '"partial":\[[^]]*"gap"\|"partial":"gap"' $TRACE
done
