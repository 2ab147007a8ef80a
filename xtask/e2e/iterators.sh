# BPF iterators are also seq files, but bpf_seq_read() reads them with a loop of its own.
. "$E2E/lib.sh"

# Before 5.11 programs count against RLIMIT_MEMLOCK.
ulimit -l unlimited

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --backend $backend || continue
	# seqtrace does not know the first iterator in advance: it sets probes when the iterator is opened.
	bench-helper iterate >/dev/null
	wait_for 60 probed task_seq_stop || fail $backend/probes "no probes were set on its callbacks"
	bench-helper iterate --size 30 >$backend.read
	expect_status $backend/exit 0 stop_attach
	session=$(e2e-helper json $TRACE type=open path=anon_inode:bpf_iter --print session | tail -n 1)
	of() {
		e2e-helper json $TRACE session=$session "$@"
	}
	expect_eq $backend/bytes "$(wc -c <$backend.read)" \
		"$(of type=read --print bytes | awk '{s += $1} END {print s}')"
	expect_eq $backend/through bpf_seq_read "$(of type=read --print via | sort -u)"
	expect_eq $backend/positions "" "$(of type=read --print traverse_from | grep -v '^-$')"
	# There is a record for each task, also where a read ends.
	records=$(of type=cb role=show --print pos_in | sort -nu | wc -l)
	expect_eq $backend/records "$(grep -c it $backend.read)" $((records + 1))
	if [ "$(of type=cb role=stop --print role | wc -l)" -gt 3 ]; then
		ok $backend/passes
	else
		fail $backend/passes "a pass a read was expected"
	fi
	expect_grep $backend/partial "\"type\":\"close\".*\"session\":\"$session\".*bpf_iterator" $TRACE
	expect_eq $backend/findings 0 "$(of type=finding --print id | wc -l)"
done

# Callbacks that the core calls are reported once, although they may have probes by now.
load seqbugs
TRACE=both.json
if attach_bg --format json; then
	bench-helper iterate >/dev/null
	wait_for 60 probed task_seq_stop || fail both/probes "no probes were set on its callbacks"
	cat /proc/seqbugs/ok_large >/dev/null
	expect_status both/exit 0 stop_attach
	session=$(e2e-helper json $TRACE type=open path=/proc/seqbugs/ok_large --print session)
	expect_eq both/partial "[]" "$(fields "$session" close partial)"
fi
