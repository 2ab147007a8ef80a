# Recordings of the same reads for the host, as a tar archive on stdout: 100,000 and 1,000,000 events, and what
# trace-cmd records of the shorter ones: with ftrace's function_graph, which knows functions and times, and with kprobe
# events that tell what seqtrace's tell.
exec 3>&1 >&2

cd /tmp || exit 1
insmod /modules/sequence.ko || exit 1

# What is read N times, one time to warm up included.
reader() {
	echo "bench-helper read /proc/sequence --most 48890 --passes $(($1 - 1))"
}

# What a command says is of interest if it fails.
quietly() {
	"$@" >log 2>&1 || {
		cat log
		exit 1
	}
}

# Nothing is to be lost: as much room as all of it takes.
record="seqtrace record -q --backend core /proc/sequence --ring-size"
quietly $record 16MiB -o 100000.seqtrace -- $(reader 5)
quietly $record 128MiB -o 1000000.seqtrace -- $(reader 50)
quietly trace-cmd record -q -b 32768 -o graph.dat -p function_graph -l 'sequence_*' $(reader 5)
# count and index of struct seq_file, the same from 5.10 on.
m='m=%di:x64 count=+24(%di):u64 index=+40(%di):s64'
tracing=/sys/kernel/tracing
for role in start next show stop; do
	case $role in start | stop) v= ;; *) v='v=%si:x64' ;; esac
	echo "p:seq/$role sequence:sequence_$role $m $v" >>$tracing/kprobe_events
	echo "r:seq/${role}_ret sequence:sequence_$role ret=\$retval:x64" >>$tracing/kprobe_events
done
quietly trace-cmd record -q -b 65536 -o kprobes.dat -e seq $(reader 5)
tar cf - ./*.seqtrace graph.dat kprobes.dat >&3
