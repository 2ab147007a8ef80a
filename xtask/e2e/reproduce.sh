# once on 6.1
# timeout: 900
# The reproduce line of `seqtrace check`: for each kind of bug, it shows the bug without seqtrace, each time it is run. A
# bug without a visible effect has no line.
. "$E2E/lib.sh"

load seqbugs

# of KEYS: prints values from the report of the file
of() {
	e2e-helper json one type=check --print "$1"
}

# prints LINE: runs the line in the guest's shell and prints its output and its exit status
prints() {
	timeout 20 sh -c "$1" 2>/dev/null
	echo "status $?"
}

# reproduces NAME PATTERN: the line matches PATTERN, and its output differs from that of the correct line. If there is no
# correct line, it fails, or prints text that should not be there (`uniq -d`), or prints nothing.
reproduces() {
	name=$1
	seqtrace check --time-limit 2m --read-limit 30s --format json /proc/seqbugs/$name >one 2>err
	command=$(of reproduce.command)
	correct=$(of reproduce.correct)
	if echo "$command" | grep -q -e "$2"; then
		ok $name/kind
	else
		fail $name/kind "not like $2: $command"
	fi
	[ "$command" != - ] || return
	for turn in 1 2; do
		prints "$command" >got$turn
		if [ "$correct" != - ]; then
			prints "$correct" >right$turn
			if cmp -s got$turn right$turn; then wrong=no; else wrong=yes; fi
		else
			case $command in
			*wc*) wrong=yes ;;
			*uniq*) wrong=$([ $(wc -l <got$turn) -gt 1 ] && echo yes) ;;
			*) wrong=$([ "$(head -n 1 got$turn)" = "status 0" ] || ! grep -q "status 0" got$turn && echo yes) ;;
			esac
		fi
		expect_eq $name/shows$turn yes "$wrong"
	done
	[ "$correct" = - ] || expect_eq $name/right "$(cat right1)" "$(cat right2)"
}

reproduces early '^dd if=/proc/seqbugs/early bs=27 count=3$'
reproduces eof_stuck '^dd if=/proc/seqbugs/eof_stuck bs=6 skip=1$'
reproduces uaf_sim '^dd if=/proc/seqbugs/uaf_sim bs=27$'
reproduces stale '^dd if=/proc/seqbugs/stale bs='
reproduces shared_cursor '^(exec 3<'
reproduces ipc_holes '^cat /proc/seqbugs/ipc_holes | head -c [0-9]* | uniq -d$'
reproduces no_eof '^dd if=/proc/seqbugs/no_eof '
reproduces show_fails '^cat /proc/seqbugs/show_fails$'
reproduces skip_all '^cat /proc/seqbugs/skip_all$'
reproduces single_leak '^-$'
reproduces ok_volatile '^-$'
unload seqbugs

# A file that reading empties gets no line.
load seq_file
echo hello >/proc/seqfiles/seqfile
seqtrace check --time-limit 2m --read-limit 30s --force --format json /proc/seqfiles/seqfile >one 2>err
expect_eq consumed/none - "$(of reproduce.command)"
unload seq_file
