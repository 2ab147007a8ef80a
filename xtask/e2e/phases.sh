# once
# SIGKILL in every phase: while probes are attached, while a trace runs, and while they are detached. SIGSTOP in the
# middle of a trace. Nothing is left in the kernel and no process, and every event is either in the trace or counted as lost.
. "$E2E/lib.sh"

FILE=/proc/vmstat

now() {
	cut -d ' ' -f 1 /proc/uptime
}

# after PART: prints PART / 8 of the time that attaching took
after() {
	awk -v took="$took" -v part="$1" 'BEGIN { printf "%.2f", took * part / 8 }'
}

# killed NAME: kills the tracer, which may have ended
killed() {
	kill -9 $tracer
	wait $tracer
	wait_for 60 no_probes && ok $1/probes || fail $1/probes "$(wc -l </sys/kernel/debug/kprobes/list) kprobes are left"
	wait_for 10 no_process && ok $1/processes || fail $1/processes "a process goes on"
}

for backend in core callbacks; do
	begin=$(now)
	attach_bg --backend $backend $FILE || continue
	took=$(awk -v a="$(now)" -v b="$begin" 'BEGIN { print a - b }')
	stop_attach
	case $backend in core) parts="1 4 6 7" ;; *) parts=7 ;; esac
	for part in $parts; do
		seqtrace attach --backend $backend $FILE -- sleep 1000 >/dev/null 2>&1 &
		tracer=$!
		sleep $(after $part)
		killed $backend/attaching-$part
	done
	attach_bg --backend $backend $FILE || continue
	cat $FILE >/dev/null
	kill -INT $tracer
	sleep $(after 1)
	killed $backend/detaching
done

# check: its readers end with it.
seqtrace check '/proc/sys/kernel/../../[a-z]*' >/dev/null 2>&1 &
tracer=$!
sleep 5
killed check

# A stopped tracer: the ring fills up, and the kernel counts the events for which it has no space. (The
# file is open before: a file whose open was lost would be adopted by its next read, which is one more event. And no other
# task opens a file: a stopped tracer cannot deselect its session.)
has_read() {
	[ -s got ]
}

# counts NAME RING STOPPED: sets $recorded, $gaps and $lost of the same reads, during which the tracer is stopped or not
counts() {
	rm -f ready go got
	seqtrace record -o $1.seqtrace --ring-size $2 --ready-file ready --comm e2e-helper /proc/kallsyms 2>$1.err &
	tracer=$!
	wait_for 90 attach_is_ready
	e2e-helper ops /proc/kallsyms r100 e"$PWD/go" a4096@50000 >got &
	reader=$!
	wait_for 60 has_read || fail $1/read "the file was not read"
	sleep 1
	$3 && kill -STOP $tracer
	touch go
	wait $reader
	$3 && kill -CONT $tracer
	expect_status $1/exit 0 stop_attach
	recorded=$(sed -n 's/^recorded \([0-9]*\) events.*/\1/p' $1.err)
	seqtrace replay --format json $1.seqtrace >$1.json 2>/dev/null
	gaps=$(grep -c '"type":"gap"' $1.json)
	lost=$(e2e-helper json $1.json type=end --print lost)
}
counts running 8MiB false
expect_eq running/lost "0 0" "$gaps $lost"
all=$recorded
counts stopped 16KiB true
[ "$lost" -gt 0 ] && ok stopped/forced || fail stopped/forced "nothing was lost"
expect_eq stopped/exact "$all" $((recorded - gaps + lost))
# With enough space nothing is lost, however long it is stopped.
counts roomy 8MiB true
expect_eq roomy/lost "0 $all" "$lost $recorded"
