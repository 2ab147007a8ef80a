# What tracing costs, in one guest whose time counts instructions: see docs/performance.md.
. /bench/lib.sh

cd /tmp || exit 1

# Every file is traced in these ways.
usual() {
	measure untraced
	measure floor-kprobe --ready-file ready -- bench-helper floor kprobe --ready-file ready $ADDRESSES
	seqtrace_row core-json attach --backend core --format json "$FILE"
	seqtrace_row callbacks-json attach --backend callbacks --format json "$FILE"
	seqtrace_row excluded-path attach --backend core --format json --path /proc/uptime
	seqtrace_row excluded-pid attach --backend core --format json --pid 1
}

insmod /modules/sequence.ko || exit 1
# It never ends: the first 10,000 numbers.
file sequence /proc/sequence "$READS" 48890
usual
