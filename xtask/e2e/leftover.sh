# arm64: ci
# After kill -9, no probe or program of seqtrace is left in the kernel.
. "$E2E/lib.sh"

for backend in core callbacks; do
	attach_bg --backend $backend /proc/vmstat || continue
	cat /proc/vmstat >/dev/null
	if no_probes; then fail $backend/attached "no kprobe is listed"; else ok $backend/attached; fi
	kill -9 "$tracer"
	if wait_for 60 no_probes; then
		ok $backend/killed
	else
		fail $backend/killed "$(wc -l </sys/kernel/debug/kprobes/list) kprobes are left"
	fi
	attach_bg --backend $backend /proc/vmstat || continue
	expect_status $backend/again 0 stop_attach
	if wait_for 60 no_probes; then ok $backend/stopped; else fail $backend/stopped "kprobes are left"; fi
done
