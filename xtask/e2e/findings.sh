# arm64
# Findings of a trace: the classic bug, all formats, --fail-on, the end of a trace at a finding, sessions without
# findings, and recordings.
. "$E2E/lib.sh"

FILE=/proc/seqbugs/eof_stuck
load seqbugs
seqtrace schema >schema

# The ids of a trace's findings, one per line, without the one about long passes, which depends on the machine.
ids() {
	e2e-helper json "$1" type=finding id!=SQ501 --print id,severity,cause.id | tr '\t' ' '
}

for backend in core callbacks; do
	# cat reads the file correctly, because the core advances the position if next() did not: SQ102 is the only error.
	seqtrace attach --format json --backend $backend $FILE -- cat $FILE >cat 2>err
	expect_eq $backend/cat "SQ102 error -" "$(ids cat)"
	# At the end of the file the core does not advance it: the last record appears twice, which SQ102 explains.
	seqtrace attach --format json --backend $backend $FILE -- e2e-helper ops $FILE p4096@6 >pread 2>err
	expect_eq $backend/pread "$(printf 'SQ102 error -\nSQ201 error SQ102')" "$(ids pread)"
	expect_eq $backend/blame "next eof_next seqbugs" "$(e2e-helper json pread type=finding id=SQ102 \
		--print blame.role,blame.function.name,blame.function.module | tr '\t' ' ')"
	for trace in cat pread; do
		expect_status $backend/$trace/check 0 e2e-helper json-check $trace --sessions 1 --broken
		expect_status $backend/$trace/schema 0 e2e-helper validate schema $trace
	done
done

# The other formats show the same. recording.sh tests that replay shows the same as attach.
seqtrace record -q -o bad.seqtrace $FILE -- e2e-helper ops $FILE p4096@6
seqtrace replay bad.seqtrace >text 2>err
expect_grep text/double 'SQ201 double emit: pos 2 (.*) passed over as bytes 4\.\.6, emitted again as 6\.\.8' text
expect_grep text/cause 'cause SQ102 eof_next \[seqbugs+0x[0-9a-f]*\]' text
expect_grep text/summary 'findings: .*SQ102 next did not advance at the end.*SQ201 double emit' err
seqtrace replay --format compact bad.seqtrace >compact 2>err
expect_grep compact/double 'SQ201 double emit' compact
seqtrace replay --format json --only-findings bad.seqtrace >only 2>err
expect_eq only "end finding header ready target" "$(echo $(e2e-helper json only --print type | sort -u))"

expect_status fail-on/findings 1 seqtrace attach -q --fail-on error -o x $FILE -- cat $FILE
expect_status fail-on/clean 0 seqtrace attach -q --fail-on warn -o x /proc/modules -- cat /proc/modules
expect_status fail-on/lost 4 seqtrace attach -q --ring-size 4KiB --fail-on error -o x /proc/kallsyms -- \
	cat /proc/kallsyms

# The trace ends at the finding, before the command ends.
seqtrace attach -q --until-finding=SQ201 -o x $FILE -- \
	sh -c "cat $FILE; e2e-helper ops $FILE p99@6; sleep 60" >until 2>&1
expect_grep until SQ201 x

# A recording gives the same findings as the trace.
seqtrace record -q -o good.seqtrace /proc/modules -- cat /proc/modules >text
expect_status from/bad 1 seqtrace check --from bad.seqtrace -o report
expect_grep from/report 'cause SQ102 eof_next \[seqbugs+0x[0-9a-f]*\]' report
expect_status from/good 0 seqtrace check --from good.seqtrace -o report
expect_status from/other 5 seqtrace check --from good.seqtrace /proc/vmstat
head -c 9000 bad.seqtrace >cut.seqtrace
expect_status from/cut 4 seqtrace check --from cut.seqtrace -o report
expect_status replay/fail-on 1 seqtrace replay -q --fail-on error -o x bad.seqtrace
seqtrace check --from bad.seqtrace --format json -o checked
expect_status from/schema 0 e2e-helper validate schema checked
expect_status from/none 6 seqtrace check --from $FILE
