# `seqtrace check` on the kernel's own seq files: every finding is true. Known findings are listed here by path and
# explained in docs/in-tree.md.
. "$E2E/lib.sh"

KNOWN="none"

mkdir -p /sys/fs/cgroup/e2e
{
	find /proc -maxdepth 1 -type f
	find /proc/[a-z]* -type f 2>/dev/null |
		grep -v '^/proc/sys/\|^/proc/self/\|^/proc/thread-self/'
	find /proc/self/ -type f 2>/dev/null | grep -v '^/proc/self/task/\|^/proc/self/fd\|map_files'
	find /proc/1/ -maxdepth 1 -type f
	find /sys/fs/cgroup -type f
	find /sys/kernel/debug -type f | grep -v '^/sys/kernel/debug/tracing'
	find /sys/kernel/tracing -type f | grep -v '/events/.*/\|/trace_pipe\|/per_cpu/cpu[1-9]'
	find /sys/kernel/tracing/events/sched/sched_switch -type f
	# Thousands of files of the same kind: checks one of each subsystem.
	for events in /sys/kernel/tracing/events/*/; do
		find "$events" -mindepth 2 -name format | head -n 1
	done
	for fd in 0 1 2; do echo /proc/self/fdinfo/$fd; done
} | sort -u >files

total=$(wc -l <files)
next=1
: >all
while [ $next -le $total ]; do
	seqtrace check --time-limit 2m --read-limit 30s --max-bytes 128KiB --format json $(sed -n "$next,$((next + 199))p" files) >part 2>err
	status=$?
	case $status in
	0 | 5) ;;
	*)
		fail status/$next "$status"
		cat err
		;;
	esac
	cat part >>all
	next=$((next + 200))
done
rmdir /sys/fs/cgroup/e2e

# Otherwise a chunk whose files were all refused would not be noticed.
expect_eq all "$total" "$(e2e-helper json all type=check --print path | wc -l)"
judged=$(e2e-helper json all type=check verdict=clean --print path | wc -l)
echo "$judged seq files are clean"
if [ $judged -ge 300 ]; then ok "many ($judged files)"; else fail many "only $judged"; fi
e2e-helper json all type=check verdict=refused --print path,reason | grep 'each read fails'
e2e-helper json all type=check volatile=true --print path | wc -l | sed 's/$/ change by themselves/'
for verdict in findings inconclusive; do
	e2e-helper json all type=check verdict=$verdict --print path |
		grep -v -x -e "$KNOWN" >left
	expect_eq $verdict "" "$(cat left)"
	while read -r path; do
		e2e-helper json all type=check path=$path --print findings,plans,reason
	done <left
done
