# Counts the events that are lost at full speed, on 2 CPUs in real time, with a ring buffer of the default size.
. /bench/lib.sh

cd /tmp || exit 1
insmod /modules/sequence.ko || exit 1
file sequence /proc/sequence 12 48890
seqtrace_row core-json attach --backend core --format json "$FILE"
seqtrace_row core-timeline attach --backend core "$FILE"
seqtrace_row core-record record --backend core "$FILE"
seqtrace_row callbacks-json attach --backend callbacks --format json "$FILE"
bpftrace_row
