# Loss, forced by a tiny ring: every lost event is counted, the gaps stand in the trace, and what they
# touch is marked.
. "$E2E/lib.sh"

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --ring-size 4KiB --backend $backend /proc/kallsyms || continue
	head -c 200000 /proc/kallsyms >/dev/null
	expect_status $backend/exit 0 stop_attach
	gaps=$(e2e-helper json $TRACE type=gap --print lost | awk '{s += $1} END {print s + 0}')
	if [ "$gaps" -gt 0 ]; then ok $backend/gaps; else fail $backend/gaps "nothing was lost"; fi
	expect_eq $backend/counted "$gaps" "$(e2e-helper json $TRACE type=end --print lost)"
	expect_grep $backend/partial '"partial":\["gap"\]\|"partial":"gap"' $TRACE
done
