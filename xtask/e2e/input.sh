# once
# Invalid input: the message names the fault and the remedy, the exit status is the documented one, nothing panics.
. "$E2E/lib.sh"

# refuse NAME STATUS PATTERN ARG…
refuse() {
	name=$1
	wanted=$2
	pattern=$3
	shift 3
	seqtrace "$@" >out 2>err
	status=$?
	if [ $status -ne "$wanted" ]; then
		fail "$name" "status $status instead of $wanted: $*"
		cat err
	elif grep -q -e panicked -e RUST_BACKTRACE err; then
		fail "$name" "it panicked: $*"
		cat err
	elif ! grep -q -e "$pattern" err; then
		fail "$name" "its message does not contain $pattern: $*"
		cat err
	elif [ "$(wc -l <err)" -gt 20 ]; then
		fail "$name" "its message has $(wc -l <err) lines: $*"
	else
		ok "$name"
	fi
}

refuse unknown 5 '/proc/nope does not exist' attach /proc/nope
refuse folder 5 '/proc/net.* is a folder' attach /proc/net
refuse not-procfs 5 '/etc/passwd is not a seq file' attach /etc/passwd
refuse not-seq 5 '/proc/self/cmdline is not a seq file' attach /proc/self/cmdline
refuse glob 5 'no file matches /proc/nope' attach '/proc/nope*'
refuse function 5 'no function nope_show' attach fn:nope_show
refuse module 2 'needs a name' attach module:
refuse fields 2 'no field .nope.; it has\|no field `nope`' attach --fields nope /proc/uptime
refuse output 2 'cannot write /nope/file' attach -o /nope/file /proc/uptime
refuse flag 2 "unexpected argument '--nope'" attach --nope
refuse subcommand 2 "unrecognized subcommand" nope
refuse ring 2 'not a power of two' attach --ring-size 3MiB /proc/uptime
refuse duration 2 'unknown unit' attach --for 3parsecs /proc/uptime
refuse preview 2 '257' attach --preview 257 /proc/uptime
refuse ready-file 3 'cannot create /nope/ready' attach --ready-file /nope/ready /proc/uptime
refuse command 127 'cannot run nosuchcommand' attach /proc/uptime -- nosuchcommand
refuse not-executable 126 'cannot run /etc/passwd' attach /proc/uptime -- /etc/passwd

chmod 777 .
su user -c 'seqtrace attach /proc/uptime' >out 2>err
expect_eq not-root/status 3 $?
expect_grep not-root/message 'sudo seqtrace' err

# A path that disappears between the check and the lookup is refused like one that never existed. A file that disappears
# while it is traced ends its session (see comings.sh).
seqtrace attach --for 200ms >out 2>err
expect_eq for/status 0 $?
expect_grep for/summary 'sessions\|session' err

seqtrace attach --max-sessions 2 --format json /proc/uptime -- sh -c \
	'cat /proc/uptime; cat /proc/uptime; cat /proc/uptime; sleep 5' >trace 2>/dev/null
expect_eq max-sessions/status 0 $?
expect_eq max-sessions/sessions 2 "$(e2e-helper json trace type=open --print session | wc -l)"

seqtrace attach --max-events 3 --format json /proc/uptime -- sh -c \
	'cat /proc/uptime; sleep 5' >trace 2>/dev/null
expect_eq max-events/status 0 $?
expect_eq max-events/lines 3 \
	"$(grep -c -v -e '"type":"header"' -e '"type":"target"' -e '"type":"ready"' -e '"type":"end"' trace)"

# The reader of stdout closes it: no error and no message.
seqtrace attach /proc/kallsyms -- sh -c 'cat /proc/kallsyms >/dev/null' 2>err | head -n 2 >out
expect_eq head/lines 2 "$(wc -l <out)"
if grep -q -e panicked -e 'Broken pipe' err; then fail head/quiet "it complained"; else ok head/quiet; fi

# Control characters in a task's name are escaped.
cp /bin/busybox "$(printf '\033[31mcat')"
seqtrace attach --color never /proc/uptime -- "./$(printf '\033[31mcat')" /proc/uptime >out 2>/dev/null
if grep -q "$(printf '\033')" out; then fail escapes "an escape got through"; else ok escapes; fi
