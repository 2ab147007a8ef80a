# arm64: ci
# The reads in the trace are those that the readers made: of the kernel's own files, in blocks of 1 to 131072 bytes, with
# pread, lseek and splice, with both backends.
. "$E2E/lib.sh"

mkdir -p /sys/fs/cgroup/e2e
set --
for file in /proc/net/tcp /proc/mounts /proc/self/maps /proc/kallsyms /proc/slabinfo /proc/cpuinfo \
	/proc/modules /proc/vmstat /sys/kernel/debug/kprobes/list \
	/sys/kernel/debug/tracing/available_events /sys/fs/cgroup/e2e/cgroup.stat; do
	if [ -r $file ]; then
		set -- "$@" $file
	else
		skip "$file" "this kernel does not have it"
	fi
done

TRACEFS=/sys/kernel/debug/tracing/available_events
for backend in core callbacks; do
	# ftrace does not allow probes on its own functions: see below.
	if [ $backend = callbacks ]; then
		set -- $(printf '%s\n' "$@" | grep -v $TRACEFS)
	fi
	rm -f log
	# Loss is accepted: an emulated machine may be too slow.
	attach_bg --format json --ring-size 64MiB --backend $backend "$@" || continue
	if [ $backend = callbacks ]; then
		# Where bpf_get_func_ip() works in kretprobes (5.15), no state is kept from the entry.
		case $(uname -r) in 5.10.*) entries=1 ;; *) entries=0 ;; esac
		expect_eq entries/next $entries "$(grep -c ' k  *vmstat_next[+ ]' /sys/kernel/debug/kprobes/list)"
		expect_eq entries/start 1 "$(grep -c ' k  *vmstat_start[+ ]' /sys/kernel/debug/kprobes/list)"
	fi
	for file in "$@"; do
		e2e-helper ops $file a1@500 --log log
		e2e-helper ops $file a100@10000 --log log
		e2e-helper ops $file a4096@100000 --log log
		e2e-helper ops $file a131072@300000 --log log
		e2e-helper ops $file p200@50 --log log
		e2e-helper ops $file s30 r100 --log log
		# Forwards and backwards, after the end, and across the end of the buffer. Not after the end of kallsyms:
		# the traversal would render 150,000 symbols.
		case $file in */kallsyms) far=300000 ;; *) far=100000000 ;; esac
		e2e-helper ops $file --log log r10 c-5 r10 p20@3 r300 s0 r5 p10@$far r10
	done >/dev/null
	e2e-helper ops /proc/cpuinfo x --log log >/dev/null
	expect_status $backend/exit 0 stop_attach
	e2e-helper json-check trace --log log --tap $backend
done

# Functions that cannot be probed are reported with the reason; the other callbacks are traced.
if attach_bg --format json --backend callbacks $TRACEFS; then
	cat $TRACEFS | wc -c >bytes
	expect_status untraceable/exit 0 stop_attach
	expect_grep untraceable/named '"type":"note".*t_start.*does not allow probes' trace
	expect_grep untraceable/partial '"type":"close".*"partial":\["blind"\]' trace
	expect_eq untraceable/bytes "$(cat bytes)" \
		"$(e2e-helper json trace type=read --print bytes | awk '{s += $1} END {print s}')"
fi

# All files of kernfs have the same callbacks, so the trace names the file's own show function.
set -- /sys/fs/cgroup/e2e/cgroup.stat /sys/devices/system/cpu/online /sys/kernel/mm/transparent_hugepage/enabled
if attach_bg --format json "$@"; then
	cat "$@" >/dev/null
	expect_status kernfs/exit 0 stop_attach
	expect_eq kernfs/shows "cgroup_stat_show show_cpus_attr enabled_show" \
		"$(echo $(e2e-helper json trace type=open --print show.name))"
fi
rmdir /sys/fs/cgroup/e2e
