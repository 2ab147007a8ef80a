# once
# Probes that the kernel silences without an error: at the start, in the middle and at the end of a trace, in a check and
# in doctor. A silence is never taken for an idle machine or for a fault of a file, and no end of a trace damages ftrace.
# timeout: 900
. "$E2E/lib.sh"

FILE=/proc/vmstat
FTRACE=/proc/sys/kernel/ftrace_enabled
KPROBES=/sys/kernel/debug/kprobes/enabled

# switch FILE 0|1
switch() {
	echo "$2" >"$1" || fail "switch/$1" "cannot write $2"
}

for what in ftrace kprobes; do
	case $what in ftrace) switch=$FTRACE hint=kernel.ftrace_enabled ;; *) switch=$KPROBES hint=kprobes/enabled ;; esac

	# At the start.
	switch $switch 0
	for backend in core callbacks; do
		seqtrace attach --backend $backend $FILE -- true >/dev/null 2>start.err
		expect_eq start/$what/$backend/status 3 $?
		expect_grep start/$what/$backend/named "$hint" start.err
	done
	seqtrace check $FILE >check.out 2>&1
	expect_eq start/$what/check/status 3 $?
	expect_grep start/$what/check/named "$hint" check.out
	seqtrace list $FILE >list.out 2>&1
	expect_eq start/$what/list/status 3 $?
	seqtrace doctor >doctor.out 2>&1
	expect_eq start/$what/doctor/status 3 $?
	expect_grep start/$what/doctor/named "FAIL.*$what switch" doctor.out
	switch $switch 1
	expect_status start/$what/doctor/on 0 seqtrace doctor

	for backend in core callbacks; do
		# In the middle: the switch is off for a while, during which the file is read. A reader has it open all the time.
		TRACE=middle.$what.$backend.json
		if attach_bg --format json --backend $backend --fail-on warn $FILE; then
			rm -f go
			e2e-helper ops $FILE r100 e"$PWD/go" r100000 >/dev/null &
			reader=$!
			wait_for 60 lines 1 '"type":"read"' || fail middle/$what/$backend/read "nothing was read"
			switch $switch 0
			wait_for 60 grep -q 'do not fire' $TRACE.err
			cat $FILE >/dev/null
			switch $switch 1
			wait_for 60 lines 2 '"type":"gap"'
			touch go
			wait $reader
			cat $FILE >/dev/null
			expect_status middle/$what/$backend/status 4 stop_attach
			expect_grep middle/$what/$backend/warned "the probes do not fire.*$hint" $TRACE.err
			expect_grep middle/$what/$backend/gap '"type":"gap".*"lost":0,"sessions":\["s1"' $TRACE
			expect_grep middle/$what/$backend/partial '"type":"close".*"session":"s1".*"partial":\["' $TRACE
			expect_grep middle/$what/$backend/missed '"type":"end".*"missed":[1-9].*SQ902' $TRACE
			expect_eq middle/$what/$backend/heartbeat 0 "$(grep -c '/proc/devices' $TRACE)"
		fi
	done

	# In the middle of a check: the switch goes off while files are read.
	TRACE=check.middle
	(
		wait_for 60 lines 1 vmstat && switch $switch 0
	) &
	seqtrace check /proc/vmstat /proc/devices /proc/iomem /proc/kallsyms >check.middle 2>check.middle.err &
	checker=$!
	# The report is complete before the probes are detached.
	wait_for 300 grep -q '^. files' check.middle
	switch $switch 1
	wait $checker
	expect_eq check/$what/status 4 $?
	wait
	expect_grep check/$what/named "inconclusive.*$hint" check.middle
	expect_eq check/$what/blamed 0 "$(grep -c -e SQ403 -e 'attached mid-session' check.middle)"

	# At the end: the switch goes off just before the end, and the trace does not judge anything.
	TRACE=end.$what.json
	if attach_bg --format json $FILE; then
		cat $FILE >/dev/null
		wait_for 60 lines 1 '"type":"close"' || fail end/$what/close "no session was seen"
		switch $switch 0
		kill -INT "$tracer"
		wait_for 60 lines 1 '"type":"end".*"missed":[1-9]' || fail end/$what/missed "the end was not written"
		[ $what = kprobes ] || wait_for 60 grep -q 'waiting up to' $TRACE.err || fail end/$what/waits "it does not wait"
		switch $switch 1
		wait "$tracer"
		expect_eq end/$what/status 4 $?
		expect_grep end/$what/warned "the probes do not fire.*$hint" $TRACE.err
		expect_eq end/$what/detached 0 "$(grep -c 'detached while' $TRACE.err)"
	fi
done

# Traces that detach while kernel.ftrace_enabled is 0, because seqtrace waited in vain, or was killed. The next seqtrace
# repairs the records of ftrace, so that the kernel does not find them stale when another tracer detaches.
repaired() {
	switch $FTRACE 1
	expect_status detached/$1/doctor 0 seqtrace doctor
	echo seq_open >/sys/kernel/tracing/set_ftrace_filter
	echo function >/sys/kernel/tracing/current_tracer
	echo nop >/sys/kernel/tracing/current_tracer
	echo >/sys/kernel/tracing/set_ftrace_filter
	expect_status detached/$1/still 0 seqtrace doctor
}
for backend in core callbacks; do
	TRACE=patience.$backend.json
	if attach_bg --format json --backend $backend $FILE; then
		switch $FTRACE 0
		kill -INT "$tracer"
		wait "$tracer"
		expect_eq detached/patience.$backend/status 4 $?
		expect_grep detached/patience.$backend/warned 'were detached while kernel.ftrace_enabled is 0' $TRACE.err
		repaired patience.$backend
	fi
	TRACE=killed.$backend.json
	if attach_bg --format json --backend $backend $FILE; then
		switch $FTRACE 0
		kill -KILL "$tracer"
		wait "$tracer"
		wait_for 60 no_probes
		repaired killed.$backend
	fi
done
# A second signal does not wait.
TRACE=second.json
if attach_bg --format json $FILE; then
	switch $FTRACE 0
	kill -INT "$tracer"
	wait_for 60 grep -q 'waiting up to' $TRACE.err || fail second/waits "it does not wait"
	kill -INT "$tracer"
	wait "$tracer"
	expect_eq second/status 130 $?
	repaired second
fi

# A trace without silence has none.
TRACE=good.json
if attach_bg --format json --fail-on warn $FILE; then
	for _ in 1 2 3; do
		cat $FILE /proc/devices >/dev/null
		sleep 1
	done
	expect_status good/status 0 stop_attach
	expect_grep good/missed '"type":"end".*"lost":0,"missed":0,"partial":0' $TRACE
	expect_eq good/sessions 3 "$(grep -c '"type":"open"' $TRACE)"
fi
