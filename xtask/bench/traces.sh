# Recordings of the same reads for the host, as a tar archive on stdout: 100,000 and 1,000,000 events, and
# ftrace's function_graph as trace-cmd records it.
exec 3>&1 >&2

cd /tmp || exit 1
insmod /modules/sequence.ko || exit 1

# What is read N times, one time to warm up included.
reader() {
	echo "bench-helper read /proc/sequence --most 48890 --passes $(($1 - 1))"
}

# Nothing is to be lost: as much room as all of it takes.
seqtrace record -q -o 100000.seqtrace --backend core --ring-size 16MiB /proc/sequence -- $(reader 5) || exit 1
seqtrace record -q -o 1000000.seqtrace --backend core --ring-size 128MiB /proc/sequence -- $(reader 50) || exit 1
trace-cmd record -q -b 131072 -o graph.dat -p function_graph -l 'sequence_*' $(reader 5) || exit 1
tar cf - ./*.seqtrace graph.dat >&3
