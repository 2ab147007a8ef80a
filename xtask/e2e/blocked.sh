# once
# A reader that takes nothing from the output: a signal detaches all probes nevertheless, a second one ends the program.
. "$E2E/lib.sh"

mkfifo fifo
no_probes() {
	[ -z "$(cat /sys/kernel/debug/kprobes/list)" ]
}

# block NAME COMMAND ARG…: runs `seqtrace COMMAND -o fifo ARG…` until its output is blocked. The reader is $reader.
block() {
	name=$1
	shift
	sleep 1000 <fifo &
	reader=$!
	rm -f ready
	seqtrace "$@" -o fifo --ready-file ready /proc/kallsyms 2>$name.err &
	tracer=$!
	wait_for 90 attach_is_ready
	# More than a pipe and the queue of the output hold.
	for _ in 1 2 3 4; do cat /proc/kallsyms >/dev/null; done
	kill -INT $tracer
	wait_for 20 no_probes && ok $name/detached || fail $name/detached "probes are left"
	wait_for 20 grep -q 'waits for its reader' $name.err && ok $name/reported || fail $name/reported "$(cat $name.err)"
	kill -0 $tracer || fail $name/waits "it did not wait for the reader"
}

block again attach --format json
kill -TERM $tracer
wait $tracer
expect_eq again/second 143 $?
kill $reader

block read attach --format json
# Files of the guest are in its memory: of the many lines only the last one is kept.
tail -n 1 fifo >read.json &
cat=$!
sleep 1
kill $reader
wait $tracer
expect_eq read/status 0 $?
wait $cat
expect_eq read/end 1 "$(grep -c '"type":"end"' read.json)"

block record record --preview 64
cat fifo >record.seqtrace &
cat=$!
sleep 1
kill $reader
wait $tracer
expect_eq record/status 0 $?
wait $cat
expect_status record/whole 0 seqtrace replay -q record.seqtrace -o replayed

# The reader dies: the rest of the recording is not claimed to be written.
block dead record --preview 64
kill $reader
wait $tracer
expect_eq dead/status 0 $?
expect_grep dead/reported 'warning: the reader of the recording took [0-9]* bytes' dead.err

# A killed tracer takes the command along.
seqtrace attach --ready-file started /proc/uptime -- sleep 1234 >/dev/null 2>&1 &
tracer=$!
command_runs() {
	grep -q -a -s 'sleep.[1]234' /proc/[0-9]*/cmdline
}
wait_for 60 test -e started
wait_for 60 command_runs || fail killed/began "the command did not begin"
kill -9 $tracer
command_is_gone() {
	! command_runs
}
wait_for 20 command_is_gone && ok killed/command || fail killed/command "it goes on"

# An interrupted check reports what it has not judged.
seqtrace check --format json '/proc/*' >check.json 2>check.err &
tracer=$!
wait_for 60 grep -q '"type":"check"' check.json
kill -INT $tracer
wait $tracer
status=$?
# 1: it may have found something.
[ $status -eq 4 ] || [ $status -eq 1 ] && ok check/status || fail check/status "$status"
expect_grep check/reason '"verdict":"inconclusive","reason":"interrupted before it was judged"' check.json
expect_grep check/end '"type":"check_end".*"interrupted":true,"not_reached":[1-9]' check.json
