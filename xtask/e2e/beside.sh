# once
# Beside other tracers: three seqtrace at once, ftrace, kprobe events on the functions and instructions that seqtrace
# probes, kprobes without optimisation, a CPU that goes away, and a live patch of a function that seqtrace probes. Nothing
# is lost, nothing is left behind, and the kernel does not warn. (silent.sh switches ftrace and kprobes off.)
# timeout: 900
. "$E2E/lib.sh"

FILE=/proc/vmstat
TRACEFS=/sys/kernel/tracing
OPTIMISE=/proc/sys/debug/kprobes-optimization

# read_file N: reads the file N times
read_file() {
	for _ in $(seq "$1"); do
		cat $FILE >/dev/null
	done
}

# expect_whole NAME TRACE N: the trace has N whole sessions of cat with all callbacks. (A seqtrace that begins opens the
# file, too.)
expect_whole() {
	expect_eq "$1/sessions" "$3" "$(e2e-helper json "$2" type=open comm=cat --print comm | wc -l)"
	expect_eq "$1/callbacks" $(($3 * each)) "$(e2e-helper json "$2" type=cb --print role | wc -l)"
	expect_grep "$1/whole" '"type":"end".*"lost":0,"missed":0,"partial":0' "$2"
}

# Number of callbacks of one session.
seqtrace attach --format json --backend core $FILE -- cat $FILE 2>/dev/null >one.json
each=$(e2e-helper json one.json type=cb --print role | wc -l)
if [ "$each" -gt 10 ]; then ok one; else fail one "$each callbacks"; fi

# Three traces, each with the backend core. The first ends first: the kernel restores the code under its probes, and those
# of the others remain.
TRACE=first.json
attach_bg --format json --backend core --fail-on warn $FILE
first=$tracer
# The kernel optimises probes after a while.
sleep 1
TRACE=second.json
attach_bg --format json --backend core --fail-on warn $FILE
second=$tracer
TRACE=third.json
attach_bg --format json --fail-on warn $FILE
third=$tracer
expect_grep third/backend '"backend":"core"' third.json
read_file 5
tracer=$first
expect_status first/status 0 stop_attach
read_file 5
tracer=$third
expect_status third/status 0 stop_attach
read_file 5
tracer=$second
expect_status second/status 0 stop_attach
expect_whole first first.json 5
expect_whole third third.json 10
expect_whole second second.json 15
seqtrace doctor >doctor.out
expect_eq three/doctor 0 $?

# The addresses of the core's call sites, at which seqtrace has its probes.
seqtrace attach --dry-run --backend core $FILE >sites
sed -n 's/^  \([0-9a-f]*\) core_.*/\1/p' sites | sort -u >addresses

# Functions that ftrace traces. An emulated guest is too slow for all of them.
filter() {
	echo seq_read_iter seq_open seq_release 'vmstat_*' | tr ' ' '\n' >$TRACEFS/set_ftrace_filter
}
begin_function() {
	filter
	echo function >$TRACEFS/current_tracer
}
end_function() {
	echo nop >$TRACEFS/current_tracer
	echo >$TRACEFS/set_ftrace_filter
}
begin_function_graph() {
	filter
	echo function_graph >$TRACEFS/current_tracer
}
end_function_graph() {
	end_function
}
begin_kprobe_events() {
	for function in seq_read_iter seq_open seq_release vmstat_show; do
		echo "p:entry_$function $function"
		echo "r:return_$function $function"
	done >functions
	# tracefs takes one definition for each write.
	while read -r event; do
		echo "$event" >>$TRACEFS/kprobe_events || fail kprobe_events/function "$event"
	done <functions
	while read -r address; do
		echo "p:site_$address 0x$address" >>$TRACEFS/kprobe_events || fail kprobe_events/site "$address"
	done <addresses
	echo 1 >$TRACEFS/events/kprobes/enable
}
end_kprobe_events() {
	echo 0 >$TRACEFS/events/kprobes/enable
	echo >$TRACEFS/kprobe_events
}
begin_optimisation() {
	echo 0 >$OPTIMISE
}
end_optimisation() {
	echo 1 >$OPTIMISE
}
begin_hotplug() {
	echo 0 >/sys/devices/system/cpu/cpu1/online
}
end_hotplug() {
	echo 1 >/sys/devices/system/cpu/cpu1/online
}
# The kernel moves one task after the other to the patch, or from it.
settled() {
	[ "$(cat /sys/kernel/livepatch/livepatch/transition)" = 0 ]
}
gone() {
	[ ! -e /sys/kernel/livepatch/livepatch ]
}
begin_livepatch() {
	insmod /modules/livepatch.ko || fail livepatch/insmod "status $?"
	wait_for 60 settled || fail livepatch/begin "tasks were not moved to the patch"
}
end_livepatch() {
	echo 0 >/sys/kernel/livepatch/livepatch/enabled
	wait_for 60 gone || fail livepatch/end "tasks were not moved from the patch"
	rmmod livepatch || fail livepatch/rmmod "status $?"
}

others="function function_graph kprobe_events optimisation hotplug"
if [ ! -e /modules/livepatch.ko ]; then
	skip livepatch "no modules can be built for this kernel"
elif [ "$KERNEL" = 5.10 ]; then
	skip livepatch "this kernel allows no trampoline on a function with a live patch"
else
	others="$others livepatch"
fi

# The other one begins and ends in the middle of a trace, and a trace begins and ends in the middle of the other one.
for other in ${OTHERS:-$others}; do
	TRACE=around.$other.json
	attach_bg --format json --backend core --fail-on warn $FILE || continue
	around=$tracer
	read_file 3
	begin_$other
	read_file 3
	TRACE=within.$other.json
	if attach_bg --format json --backend core --fail-on warn $FILE; then
		read_file 3
		expect_status $other/within/status 0 stop_attach
		expect_whole $other/within $TRACE 3
	fi
	end_$other
	read_file 3
	tracer=$around
	expect_status $other/around/status 0 stop_attach
	expect_whole $other/around around.$other.json 12
done

if wait_for 60 no_probes; then ok left; else fail left "$(cat /sys/kernel/debug/kprobes/list)"; fi
