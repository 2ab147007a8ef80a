# Measures the cost of tracing in a guest whose time counts instructions: see docs/performance.md.
. /bench/lib.sh

cd /tmp || exit 1

# The rows that show whether the probes became faster.
probes() {
	measure untraced
	measure floor-kprobe --ready-file ready -- bench-helper floor kprobe --ready-file ready $ADDRESSES
	measure floor-core --ready-file ready -- bench-helper floor site --ready-file ready $SITES
	seqtrace_row core-json attach --backend core --format json "$FILE"
	seqtrace_row callbacks-json attach --backend callbacks --format json "$FILE"
	seqtrace_row excluded-path attach --backend core --format json --path /proc/uptime
	seqtrace_row excluded-pid attach --backend core --format json --pid 1
}

# The other rows.
others() {
	for backend in core callbacks; do
		seqtrace_row $backend-timeline attach --backend $backend "$FILE"
		seqtrace_row $backend-findings attach --backend $backend --only-findings "$FILE"
		seqtrace_row $backend-record record --backend $backend "$FILE"
	done
	bpftrace_row
	graph_row
}

insmod /modules/sequence.ko || exit 1
# The file is endless; reads its first 10,000 records.
file sequence /proc/sequence "$READS" 48890
probes
[ "$QUICK" = 0 ] || exit 0
others

insmod /modules/seqbugs.ko || exit 1
# Reads about as many records from the beginning of the file.
file kallsyms /proc/kallsyms "$READS" 450000
probes
others
# The next files have few callbacks per pass, so there are more passes.
file vmstat /proc/vmstat $((READS * 20)) 1000000
probes
others
file single /proc/seqbugs/ok_single $((READS * 100)) 1000000
probes
others
