# timeout: 500
# What the trace says of reads is what the readers got: for files of the kernel's own, in blocks from 1 to
# 131072 bytes, by pread in the middle, lseek and splice; by both backends.
. "$E2E/lib.sh"

mkdir -p /sys/fs/cgroup/e2e
FILES="/proc/net/tcp /proc/mounts /proc/self/maps /proc/kallsyms /proc/slabinfo /proc/cpuinfo
	/proc/modules /sys/kernel/debug/kprobes/list /sys/kernel/debug/tracing/available_filter_functions
	/sys/fs/cgroup/e2e/cgroup.stat /sys/fs/cgroup/e2e/memory.stat"
# Millions of events: these only in large blocks, and one after the other.
LARGE="/proc/kallsyms /sys/kernel/debug/tracing/available_filter_functions"

for backend in core callbacks; do
	for file in $FILES; do
		test=$backend$file
		if [ ! -r "$file" ]; then
			skip "$test" "this kernel does not have it"
			continue
		fi
		sizes="1 100 4096 131072"
		case $LARGE in *"$file"*) sizes="131072" ;; esac
		rm -f log
		if ! attach_bg --format json --backend $backend "$file"; then
			continue
		fi
		for size in $sizes; do
			e2e-helper read-all "$file" $size --log log >/dev/null
		done
		e2e-helper pread "$file" 50 200 --log log >/dev/null
		e2e-helper lseek "$file" 30 100 --log log >/dev/null
		if ! stop_attach; then
			fail "$test" "seqtrace ended with status $?"
			continue
		fi
		expect_status "$test" 0 e2e-helper json-check trace --log log
	done
done
rmdir /sys/fs/cgroup/e2e
