# arm64
# timeout: 900
# `seqtrace check`: text report, formats, time limits, refusals, readers that hang. Its findings in the files of seqbugs
# are tested by check-iter.sh, check-plain.sh and check-fixed.sh.
. "$E2E/lib.sh"

# High time limits, because the machine may be busy.
LIMITS="--time-limit 2m --read-limit 30s"

# checks NAME STATUS CMD…: runs CMD with its output to the file `one`
checks() {
	name=$1
	wanted=$2
	shift 2
	"$@" >one 2>&1
	expect_eq $name "$wanted" $?
}

load seqbugs

# One file: the text report and the exit status.
checks one/status 1 seqtrace check $LIMITS /proc/seqbugs/eof_stuck
expect_grep one/plan '  FAIL    end  *past the end, at byte 6: "2\\n"' one
expect_grep one/finding 'SQ102 next did not advance at the end' one
expect_grep one/cause 'cause SQ102 eof_next \[seqbugs+0x[0-9a-f]*\]' one
expect_grep one/reproduce 'reproduce: dd if=/proc/seqbugs/eof_stuck bs=6 skip=1' one
seqtrace check $LIMITS -q /proc/seqbugs/ok_token >one 2>&1
expect_eq clean/quiet "0 " "$? $(cat one)"
checks callbacks/status 1 seqtrace check $LIMITS --backend callbacks /proc/seqbugs/ok_token /proc/seqbugs/early
expect_grep callbacks/finding 'SQ104 start disagrees with next' one
expect_grep callbacks/sums '^2 files: 1 clean, 1 with findings' one

seqtrace check $LIMITS --format ktap /proc/seqbugs/eof_stuck >ktap
expect_eq ktap/head "KTAP version 1" "$(head -n 1 ktap)"
expect_grep ktap/not_ok '^not ok 1 /proc/seqbugs/eof_stuck$' ktap
# The other formats give the same report from a recording, without a kernel to trace.
seqtrace record -q -o stuck /proc/seqbugs/eof_stuck -- cat /proc/seqbugs/eof_stuck >text 2>&1
seqtrace check --from stuck --format github >github
expect_grep github/error '^::error title=SQ102 next did not advance at the end%3A' github
seqtrace check --from stuck --format junit -o junit.xml
expect_grep junit/failure '<failure type="SQ102"' junit.xml
unload seqbugs

# An endless file is judged by the part that was read.
load sequence
seqtrace check $LIMITS --max-bytes 16KiB --format json /proc/sequence >sequence
expect_status sequence/status 0 [ $? -eq 0 ]
expect_eq sequence/report "$(printf 'clean\tcut\t16384')" \
	"$(e2e-helper json sequence type=check --print verdict,end,bytes)"
seqtrace check $LIMITS --max-bytes 4KiB --format json module:sequence >sequence
expect_eq module/files /proc/sequence "$(e2e-helper json sequence type=check --print path)"
unload sequence

# A file that reading empties.
load seq_file
echo hello >/proc/seqfiles/seqfile
checks consumed/status 5 seqtrace check /proc/seqfiles/seqfile
expect_grep consumed/why 'leaves nothing for a second reader' one
echo hello >/proc/seqfiles/seqfile
checks consumed/force 0 seqtrace check $LIMITS --force /proc/seqfiles/seqfile
unload seq_file

# A file that can be opened but not read, and a file that exceeds the time limit, are not clean.
mkdir -p /sys/fs/cgroup/e2e
echo threaded >/sys/fs/cgroup/e2e/cgroup.type
checks unreadable/status 5 seqtrace check /sys/fs/cgroup/e2e/cgroup.procs
expect_grep unreadable/why 'each read fails with EOPNOTSUPP' one
rmdir /sys/fs/cgroup/e2e
checks late/status 4 seqtrace check --time-limit 100ms --max-bytes 64KiB /proc/kallsyms
expect_grep late/why 'time' one

# A reader hangs, or is killed as by an oops, in the middle of a file. The check goes on, and the next file gets new
# readers.
# check_and_signal SIGNAL: checks two files, and sends SIGNAL to the reader of the first
check_and_signal() {
	seqtrace check --read-limit 5s --time-limit 2m --max-bytes 64KiB --format json /proc/kallsyms /proc/version >two 2>err &
	tracer=$!
	wait_for 60 reads_kallsyms || fail $1/reads "no reader has the file open"
	kill -$1 $reader
	wait $tracer
	expect_eq $1/status 4 $?
	expect_eq $1/verdicts "inconclusive clean" "$(echo $(e2e-helper json two type=check --print verdict))"
}
reads_kallsyms() {
	for reader in $(cat /proc/$tracer/task/$tracer/children); do
		ls -l /proc/$reader/fd 2>/dev/null | grep -q kallsyms && return
	done
	return 1
}
check_and_signal STOP
expect_grep STOP/why 'did not return' two
check_and_signal KILL
expect_grep KILL/why 'the reader was killed in plan' two

checks refused/status 5 seqtrace check /proc/kmsg /proc/self/cmdline /proc/sys/kernel/osrelease
expect_eq refused/each 3 "$(grep -c '^refused ' one)"
for target in module:none /proc/none fn:seq_read; do
	case $target in fn*) status=2 ;; *) status=5 ;; esac
	checks usage/${target##*/} $status seqtrace check $target
done
checks usage/none 2 seqtrace check
