# Runs in the guest of `cargo xtask load`: the parts of /e2e/load.parts one after the other, then a soak of $SOAK seconds
# with all parts at once. Prints lines that xtask/src/load.rs parses:
#
#     %% part NAME	OBJECTS	EMITTED	LOST	MISSED	CPU	RSS	SECONDS
#     %% soak SECONDS	RSS
#     %% not ok NAME: reason

export E2E=/e2e
. $E2E/lib.sh
. $E2E/load.parts

mkdir -p /tmp/load
cd /tmp/load || exit 1
insmod /modules/seq_file.ko
insmod /modules/sequence.ko records=$RECORDS

# report NAME: prints the line of a part and checks its results
report() {
	printf '%%%% part %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$objects" "$emitted" "$lost" "$missed" "$cpu" \
		"$rss" "$seconds"
	[ "$status" -eq 0 ] || fail "$1" "seqtrace ended with status $status"
	[ "$lost" -eq "$gaps" ] || fail "$1" "$lost events lost, $gaps of them in gaps"
}

for part in nothing one_reader one_reader_ring_128MiB all_of_proc many_readers byte_by_byte writer_storm; do
	traced $part || fail $part "seqtrace did not get ready"
	report $part
	echo "$part took $played s; its trace has $(($(wc -c <$TRACE) / 1048576)) MiB" >&2
	case $part in
	one_reader*)
		[ "$emitted $lost" = "$RECORDS 0" ] || fail $part "$emitted of $RECORDS records, $lost events lost"
		;;
	esac
	rm -f $TRACE
done

# Smaller parts for the soak, so that each runs many times.
some_records() {
	e2e-helper ops /proc/sequence a131072@100000 >/dev/null
}

some_readers() {
	e2e-helper readers $READERS /proc/kallsyms a4096@20000
}

some_bytes() {
	e2e-helper ops /proc/kallsyms a1@5000 >/dev/null
}

some_writes() {
	e2e-helper writes 500 /proc/seqfiles/seqfile
}

# repeat PART…: runs the parts in turn until the file "going" is removed
repeat() {
	while [ -e going ]; do
		for part in "$@"; do
			$part
		done
	done
}

# soak: runs all parts at once. The trace is counted through a pipe and not stored.
soak() {
	mkfifo fifo
	e2e-helper tally fifo >soak.counted &
	counter=$!
	rm -f ready
	seqtrace attach --format json --ready-file ready -o fifo 2>soak.err &
	tracer=$!
	wait_for 90 attach_is_ready
	start_cpu=$(cpu)
	begin=$(now)
	touch going
	repeat some_records some_writes &
	one=$!
	repeat all_of_proc some_readers some_bytes &
	two=$!
	while [ "$(minus "$(now)" "$begin" | cut -d . -f 1)" -lt $SOAK ]; do
		sleep 5
		printf '%%%% soak %s\t%s\n' "$(minus "$(now)" "$begin")" "$(status VmRSS)"
	done
	rm going
	wait $one $two
	drain
	cpu=$(awk -v a="$(cpu)" -v b="$start_cpu" 'BEGIN { printf "%.1f", (a - b) / 100 }')
	rss=$(status VmHWM)
	stop_attach
	status=$?
	seconds=$(minus "$(now)" "$begin")
	wait $counter
	counted $(cat soak.counted)
	report soak
}

[ "$SOAK" -eq 0 ] || soak
if wait_for 10 no_probes; then
	ok left
else
	fail left "$(wc -l </sys/kernel/debug/kprobes/list) kprobes are left in the kernel"
fi
complaint=$(dmesg | grep -E -m 1 'WARNING:|BUG:|INFO: .*blocked|refcount_t:|Oops')
[ -z "$complaint" ] || fail dmesg "the kernel complained: $complaint"
