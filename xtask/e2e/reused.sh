# An open gets the struct seq_file that the previous release freed. Each open is a session of its own, with both backends
# and with its own totals.
. "$E2E/lib.sh"

TIMES=100

for backend in core callbacks; do
	TRACE=$backend.json
	rm -f log
	attach_bg --format json --ring-size 64MiB --backend $backend /proc/uptime /proc/mounts \
		/proc/modules || continue
	e2e-helper cycles $TIMES /proc/uptime a100 --log log
	e2e-helper cycles $TIMES /proc/mounts a300 --log log
	e2e-helper cycles $TIMES /proc/modules a1000 --log log
	expect_status $backend/exit 0 stop_attach
	e2e-helper json-check $TRACE --log log --sessions $((3 * TIMES)) --tap $backend
	# Otherwise the test would test nothing.
	addresses=$(e2e-helper json $TRACE type=open --print m | sort -u | wc -l)
	if [ "$addresses" -lt $TIMES ]; then
		ok $backend/reused
	else
		fail $backend/reused "$addresses addresses in $((3 * TIMES)) opens"
	fi
done
