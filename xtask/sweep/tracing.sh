# Sets up tracefs: probes, synthetic events, histograms, triggers, filters, instances, and events in the buffers.

cd /sys/kernel/tracing || exit

# Prints each step with its time: some steps take long under emulation.
step() {
	echo "$(date +%s) $*"
}

step probes

for i in $(seq 40); do echo "p:kp$i vfs_read+0 a=%di" >>kprobe_events; done
for i in $(seq 30); do printf 'p:up%d /bin/bash:0x%x\n' $i $((0x30000 + i * 16)) >>uprobe_events; done
for i in $(seq 20); do echo "sy$i u64 lat; pid_t pid; char c[16]" >>synthetic_events; done
for event in 'e:ep sched.sched_switch p=$prev_pid' 'f:fp vfs_open' 't:tp sched_wakeup'; do
	echo "$event" >>dynamic_events
done
step triggers
echo 'hist:keys=common_pid,prev_comm:vals=hitcount:sort=hitcount:size=2048' >events/sched/sched_switch/trigger
echo 'hist:keys=id' >events/raw_syscalls/sys_enter/trigger
echo 'hist:keys=call_site.sym:vals=bytes_req' >events/kmem/kmalloc/trigger
for i in $(seq 10); do
	echo "traceoff:1 if prev_pid == 1000$i" >>events/sched/sched_wakeup/trigger
	echo "enable_event:sched:sched_kthread_stop:1 if pid==10$i" >>events/sched/sched_wakeup/trigger
done 2>/dev/null

step events
echo 1 >events/sched/enable
echo 1 >events/block/enable
sleep 2
echo 0 >tracing_on
echo 0 >events/sched/enable
echo 0 >events/block/enable

step filters
echo 'vfs_*' >set_ftrace_filter
echo 'tcp_*' >>set_ftrace_filter
echo 'udp_*' >set_ftrace_notrace
# Each of these patches the kernel's text, which takes seconds under emulation.
echo 'vfs_fstat:traceoff:5' >>set_ftrace_filter
echo 'do_exit:enable_event:sched:sched_switch:3' >>set_ftrace_filter
echo 'do_sys*' >set_graph_function
echo 'mutex_*' >set_graph_notrace
pids=$(pgrep sleep | head -n 150)
for file in set_event_pid set_ftrace_pid set_event_notrace_pid set_ftrace_notrace_pid; do
	echo $pids >$file
done

step instances
for i in 1 2 3; do mkdir instances/i$i; done
echo 'vfs_*' >instances/i1/set_ftrace_filter
echo function >instances/i1/current_tracer
sleep 0.3
echo 0 >instances/i1/tracing_on
echo nop >instances/i1/current_tracer
echo 1 >instances/i2/events/sched/enable
sleep 0.5
echo 0 >instances/i2/tracing_on
echo 0 >instances/i2/events/sched/enable
if [ -e function_profile_enabled ]; then
	step profile
	echo 1 >function_profile_enabled
	sleep 1
	echo 0 >function_profile_enabled
fi
wc -l kprobe_events uprobe_events synthetic_events dynamic_events set_graph_function set_ftrace_filter set_event_pid trace
