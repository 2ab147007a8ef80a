# The privileges that seqtrace needs, and those that it drops.
. "$E2E/lib.sh"

FILE=/proc/version
# Prints a value of the tracer's /proc/PID/status by its name.
status() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$2/status"
}

# As root: seqtrace keeps the capabilities that tracing needs and drops the others as soon as all probes are attached.
TRACE=root
if attach_bg $FILE; then
	wait_for 60 grep -q 'NoNewPrivs:.*1' /proc/$tracer/status
	# CAP_KILL 5, CAP_SYSLOG 34, CAP_PERFMON 38, CAP_BPF 39
	for set in CapEff CapPrm; do
		expect_eq root/$set 000000c400000020 "$(status $set $tracer)"
	done
	cat $FILE >/dev/null
	expect_status root/exit 0 stop_attach
	expect_grep root/seen 'version_proc_show' $TRACE
fi

# A module that is loaded later gets symbol names, and with the backend callbacks also probes.
for backend in core callbacks; do
	TRACE=later.$backend
	attach_bg --format json --backend $backend module:seqbugs || continue
	load seqbugs
	cat /proc/seqbugs/eof_stuck >/dev/null
	# Probes are set after the first open, which reports the callbacks of the file. This takes a moment.
	[ $backend = core ] || wait_for 60 probed eof_stop || fail later/$backend/probes "none were set"
	cat /proc/seqbugs/eof_stuck >/dev/null
	expect_status later/$backend/exit 0 stop_attach
	expect_grep later/$backend/names 'eof_show' $TRACE
	shows=$(e2e-helper json $TRACE type=cb role=show --print role | wc -l)
	if [ "$shows" -ge 3 ]; then ok later/$backend/callbacks; else fail later/$backend/callbacks "$shows shows"; fi
	unload seqbugs
done

# Without root, with the fewest capabilities that the kernel allows: /proc/kcore is unreadable, and a program reads the
# kernel's code instead.
chmod 755 . /sys/kernel/tracing 2>/dev/null
# Before 5.11 maps and programs count against RLIMIT_MEMLOCK, which is low for an ordinary user.
ulimit -l unlimited
least() {
	e2e-helper as-user 1000 --caps "$1" -- seqtrace attach --format json $FILE -- \
		sh -c "cat $FILE; grep ^Cap /proc/self/status" >least.json 2>least.err
}
# Debian's kernels require CAP_SYS_ADMIN here unless this value is lower.
expect_status least/paranoid 0 least bpf,perfmon,syslog
expect_grep least/paranoid-reported '"kind":"blind".*perf_event_open' least.json
echo 2 >/proc/sys/kernel/perf_event_paranoid
expect_status least/exit 0 least bpf,perfmon,syslog
expect_grep least/backend '"backend":"core"' least.json
expect_grep least/named version_proc_show least.json
expect_eq least/shows 1 "$(e2e-helper json least.json type=cb role=show --print role | wc -l)"
# The command after -- has none of these capabilities.
for set in CapInh CapPrm CapEff CapAmb; do
	expect_grep least/$set "^$set:[[:space:]]*0000000000000000" least.err
done
expect_status least/refused 3 least perfmon,syslog

# The same capabilities from the file, as setcap(8) sets them: the kernel then hides much of /proc/self from the process.
cp "$(command -v seqtrace)" capable
chmod 755 capable
e2e-helper set-caps capable bpf,perfmon,syslog || fail setcap/set "status $?"
e2e-helper as-user 1000 -- ./capable attach --format json $FILE -- cat $FILE >setcap.json 2>setcap.err
expect_eq setcap/exit 0 $?
expect_grep setcap/backend '"backend":"core"' setcap.json
expect_grep setcap/named version_proc_show setcap.json
expect_eq setcap/shows 1 "$(e2e-helper json setcap.json type=cb role=show --print role | wc -l)"
e2e-helper as-user 1000 -- ./capable doctor >setcap.doctor 2>&1
expect_grep setcap/doctor 'This machine can trace' setcap.doctor

# kallsyms hides all addresses: the programs report addresses, and ftrace names them (since 6.5).
echo 2 >/proc/sys/kernel/kptr_restrict
seqtrace attach --format json $FILE -- cat $FILE >hidden.json 2>hidden.err
expect_eq hidden/exit 0 $?
expect_grep hidden/reported 'symbols are hidden (kernel.kptr_restrict)' hidden.err
expect_eq hidden/shows 1 "$(e2e-helper json hidden.json type=cb role=show --print role | wc -l)"
if [ -e /sys/kernel/tracing/available_filter_functions_addrs ]; then
	expect_grep hidden/named version_proc_show hidden.json
else
	expect_grep hidden/address '"show":{"address":"0xffff' hidden.json
fi
seqtrace doctor >doctor 2>&1
expect_grep hidden/doctor 'kptr_restrict' doctor
echo 1 >/proc/sys/kernel/kptr_restrict
