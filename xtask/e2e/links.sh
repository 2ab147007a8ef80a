# once
# timeout: 900
# Paths: links and additional mounts are resolved to the file to trace; a pattern without a match is reported.
. "$E2E/lib.sh"

# sees NAME FILE ARG…: traces with these arguments and checks that the trace has the session in which FILE is read
sees() {
	name=$1
	file=$2
	shift 2
	seqtrace attach --format json "$@" -- cat "$file" >trace 2>err
	opens=$(e2e-helper json trace type=open --print path | wc -l)
	if [ "$opens" -eq 1 ]; then
		ok "$name"
	else
		fail "$name" "$opens sessions instead of 1"
		cat err
	fi
}

# prints NAME STATUS PATTERN ARG…: runs seqtrace and checks its exit status and that a line of its output matches
prints() {
	name=$1
	wanted=$2
	pattern=$3
	shift 3
	seqtrace "$@" >out 2>&1
	status=$?
	if [ $status -ne "$wanted" ]; then
		fail "$name" "status $status instead of $wanted: $*"
		cat out
	else
		expect_grep "$name" "$pattern" out
	fi
}

mkdir links bound
ln -s /proc/uptime links/uptime_link
ln -s /proc links/proc
ln -s /proc/self/mounts links/mtab
ln -s /proc/uptime 'links/odd[1]'
touch bound_file
mount --bind /proc/uptime bound_file
mount --bind /proc/tty bound

for backend in core callbacks; do
	sees $backend/link /proc/uptime --backend $backend $PWD/links/uptime_link
	sees $backend/folder /proc/uptime --backend $backend links/proc/uptime
	sees $backend/glob /proc/uptime --backend $backend 'links/proc/uptim*'
	sees $backend/glob-of-link /proc/uptime --backend $backend 'links/*_link'
done
sees through-link links/uptime_link /proc/uptime
sees odd 'links/odd[1]' 'links/odd[1]'
sees braces /proc/uptime '/proc/{uptime,nothing}'
sees bound-file bound_file $PWD/bound_file
sees bound-folder /proc/tty/drivers 'bound/*'
TRACEFS=/sys/kernel/debug/tracing/available_tracers
sees tracefs /sys/kernel/tracing/available_tracers $TRACEFS
sees tracefs-again $TRACEFS '/sys/kernel/debug/tracing/available_tr*'
# A path whose meaning depends on the reader is not resolved.
sees mounts /proc/mounts links/mtab
sees net /proc/self/net/dev /proc/net/dev
sees own /proc/self/maps /proc/self/maps
exec 9</proc/uptime
sees numbered /proc/uptime /proc/$$/fd/9
exec 9<&-
sees filter /proc/uptime --path "$PWD/links/proc/up*"
seqtrace attach --format json --not-path "$PWD/links/uptime_link" -- cat /proc/uptime >trace 2>err
expect_eq not-filter "" "$(e2e-helper json trace type=open path=/proc/uptime --print path)"

prints target/leads 0 'target .*links/uptime_link  .*leads to /proc/uptime' attach links/uptime_link -- cat /proc/uptime
prints own-fd 5 '/proc/self/fd/0 leads each process to a file of its own' attach /proc/self/fd/0
prints own-fd/check 5 '/proc/self/fd/0 leads each process to a file of its own' check /dev/stdin
prints other-kind 0 'none of the files that match .* is a seq file' attach --for 200ms '/proc/sys/kernel/os*'
prints glob 0 'no file matches /proc/nope\* now' attach --for 200ms '/proc/nope*' /proc/uptime
prints module 0 'no module nope is loaded' attach --for 200ms module:nope
prints excluded 2 'exclude all targets' attach /proc/uptime --path /proc/version
prints excluded-module 0 'exclude all targets' attach --for 200ms /proc/uptime --module nope
prints relative 2 'no path begins like this' attach --path 'net/*'

# check: a missing file does not prevent the check of the others.
LIMITS="--time-limit 2m --read-limit 30s"
seqtrace check $LIMITS --format json /proc/none /proc/version /proc >check.json 2>err
expect_eq check/status 5 $?
expect_eq check/each "/proc/none refused /proc/version clean /proc refused" \
	"$(echo $(e2e-helper json check.json type=check --print path,verdict))"
prints check/one 5 '/proc/none does not exist' check /proc/none
seqtrace check $LIMITS --format json links/proc/version >check.json 2>err
expect_eq check/link "$PWD/links/proc/version clean" \
	"$(echo $(e2e-helper json check.json type=check --print path,verdict))"
expect_grep check/note 'leads to /proc/version' check.json
prints check/names 5 '^[0-9]* of the named files are not seq files: -v lists them' \
	check $LIMITS /proc/sys/kernel/os* /proc/sys/kernel/*_max /proc/version
expect_eq check/names/lines 3 "$(wc -l <out)"
prints check/glob 0 '^1 file: 1 clean.* 0 not judged.* passed over' check $LIMITS '/proc/sys/kernel/os*' /proc/version
prints check/no-seq-file 5 '^0 files: .*passed over' check '/proc/sys/kernel/os*'
prints check/twice 0 '^2 files: 2 clean' check $LIMITS /proc/version links/proc/version /proc/filesystems

# list: several arguments list each file once.
prints list 0 'warning: /proc/none: does not exist' list /proc/version /proc/none '/proc/filesys*' /proc/version
expect_eq list/once 2 "$(grep -c '^/proc/' out)"
prints list/link 0 'links/uptime_link .*leads to /proc/uptime' list links/uptime_link
prints list/none 5 'no file matches /proc/none' list '/proc/none*'
umount bound_file bound

# Links that a module creates.
[ -n "$(ls /modules 2>/dev/null)" ] || exit 0
load seqbugs
if [ -e /proc/seqbugs/link ] && [ -e /proc/seqbugs_alias ]; then
	for backend in core callbacks; do
		for path in seqbugs/link seqbugs_alias/eof_stuck 'seqbugs_alias/eof_stuc*' 'seqbugs/lin*'; do
			sees "$backend/$path" /proc/seqbugs/eof_stuck --backend $backend "/proc/$path"
		done
	done
	sees proc-path /proc/seqbugs/eof_stuck --path '/proc/seqbugs_alias/*' module:seqbugs
	prints check/proc-link 1 'reproduce: .*/proc/seqbugs/link' check $LIMITS /proc/seqbugs/link
	prints list/proc-link 0 '/proc/seqbugs/link .*eof_show.*leads to /proc/seqbugs/eof_stuck' list /proc/seqbugs/link
else
	skip proc-links "seqbugs makes no /proc/seqbugs/link and no /proc/seqbugs_alias"
fi
unload seqbugs
