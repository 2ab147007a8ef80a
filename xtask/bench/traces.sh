# Makes recordings for measurements on the host and writes them to stdout as a tar archive: seqtrace's with 100,000 and
# 1,000,000 events, and trace-cmd's of the same reads as the shorter one, with ftrace's function_graph (functions and
# durations) and with kprobe events (the facts that seqtrace records).
exec 3>&1 >&2

cd /tmp || exit 1
insmod /modules/sequence.ko || exit 1

# reader N: prints a command that reads the file N times, including once to warm up
reader() {
	echo "bench-helper read /proc/sequence --most 48890 --passes $(($1 - 1))"
}

# quietly CMD…: runs a command and shows its output only if it fails
quietly() {
	"$@" >log 2>&1 || {
		cat log
		exit 1
	}
}

# The buffers hold all events, so none is lost.
record="seqtrace record -q --backend core /proc/sequence --ring-size"
quietly $record 16MiB -o 100000.seqtrace -- $(reader 5)
quietly $record 128MiB -o 1000000.seqtrace -- $(reader 50)
quietly trace-cmd record -q -b 32768 -o graph.dat -p function_graph -l 'sequence_*' $(reader 5)
# Offsets of count and index in struct seq_file; the same since 5.10.
m='m=%di:x64 count=+24(%di):u64 index=+40(%di):s64'
tracing=/sys/kernel/tracing
for role in start next show stop; do
	case $role in start | stop) v= ;; *) v='v=%si:x64' ;; esac
	echo "p:seq/$role sequence:sequence_$role $m $v" >>$tracing/kprobe_events
	echo "r:seq/${role}_ret sequence:sequence_$role ret=\$retval:x64" >>$tracing/kprobe_events
done
quietly trace-cmd record -q -b 65536 -o kprobes.dat -e seq $(reader 5)
tar cf - ./*.seqtrace graph.dat kprobes.dat >&3
