# Whether events are lost at full speed: 2 CPUs in real time, the ring as large as it is by default.
. /bench/lib.sh

cd /tmp || exit 1
insmod /modules/sequence.ko || exit 1
file sequence /proc/sequence 20 48890
measure untraced
for backend in core callbacks; do
	seqtrace_row $backend-json attach --backend $backend --format json "$FILE"
	seqtrace_row $backend-timeline attach --backend $backend "$FILE"
	seqtrace_row $backend-record record --backend $backend "$FILE"
done
bpftrace_row
