# Functions for the scripts in this folder, which begin with: . "$E2E/lib.sh"
#
# A script reports each test with ok, fail or skip, or with one of the functions below that call these. Its other output
# is shown if one of its tests fails. It runs as root in a folder of its own, $T. $KERNEL is the name of the kernel (6.1,
# 6.12), $NAME that of the script. A line `# timeout: N` sets its time limit in seconds; without it, 600 s. A script with the
# line `# alone` has a guest of its own, because it leaves the kernel changed. One with `# once` or `# once on 6.1` runs on
# one kernel unless all are asked for. Scripts with the line `# arm64` run on arm64, too, with `cargo xtask test --arch
# arm64`; those with `# arm64: ci` also without --arch, on the kernels that xtask/src/test.rs lists. Modules, processes and
# files that a script leaves are removed afterwards.

ok() {
	echo "%% ok $1"
}

# fail NAME REASON…
fail() {
	name=$1
	shift
	echo "%% not ok $name: $*"
}

# skip NAME REASON…
skip() {
	name=$1
	shift
	echo "%% skip $name: $*"
}

# expect_eq NAME WANTED GOT
expect_eq() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		fail "$1" "it is not what was expected"
		echo "--- expected"
		echo "$2"
		echo "--- got"
		echo "$3"
	fi
}

# expect_status NAME STATUS CMD…: runs CMD, which must exit with STATUS
expect_status() {
	name=$1
	wanted=$2
	shift 2
	"$@"
	got=$?
	if [ $got -eq "$wanted" ]; then
		ok "$name"
	else
		fail "$name" "status $got instead of $wanted: $*"
	fi
}

# expect_grep NAME PATTERN FILE
expect_grep() {
	if grep -q -e "$2" "$3"; then
		ok "$1"
	else
		fail "$1" "no line of $3 matches $2; its first and last lines:"
		head -n 10 "$3"
		tail -n 20 "$3"
	fi
}

# wait_for SECONDS CMD…: waits until CMD succeeds
wait_for() {
	tries=$(($1 * 20))
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.05
	done
}

# load MODULE: loads a module. Ends the script if no modules can be built for this kernel (docs/kernels.md).
load() {
	if [ -z "$(ls /modules 2>/dev/null)" ]; then
		skip "$1" "no modules can be built for this kernel"
		exit 0
	fi
	insmod "/modules/$1.ko" || fail "load/$1" "insmod: status $?"
}

unload() {
	rmmod "$1" || fail "unload/$1" "rmmod: status $?"
}

# attach_bg ARG…: runs `seqtrace attach ARG…` in the background and returns when it is ready. Its stdout goes to $TRACE
# (default: trace), its stderr to $TRACE.err.
attach_bg() {
	TRACE=${TRACE:-trace}
	rm -f ready
	seqtrace attach --ready-file ready "$@" >"$TRACE" 2>"$TRACE.err" &
	tracer=$!
	if ! wait_for 90 attach_is_ready || [ ! -e ready ]; then
		fail attach "seqtrace attach $* did not get ready"
		tail -n 20 "$TRACE.err"
		return 1
	fi
}

attach_is_ready() {
	[ -e ready ] || ! kill -0 "$tracer" 2>/dev/null
}

# stop_attach: sends SIGINT and returns seqtrace's exit status.
stop_attach() {
	kill -INT "$tracer" 2>/dev/null
	# If the tracer does not end, the script's time limit ends it.
	wait "$tracer"
}

# cb TRACE FIELDS [CONDITION…]: prints the callbacks of a JSON trace, with pointers as p1, p2, …
cb() {
	trace=$1
	fields=$2
	shift 2
	e2e-helper json "$trace" type=cb "$@" --print "$fields" --alias
}

# fields SESSION TYPE KEYS: prints values of the session's objects of that type, separated by blanks
fields() {
	e2e-helper json "$TRACE" session="$1" type="$2" --print "$3" | tr '\t' ' '
}

# lines N PATTERN: returns true if at least N lines of the trace match
lines() {
	[ "$(grep -c "$2" "$TRACE")" -ge "$1" ]
}

# probed FUNCTION: returns true if the function has probes on entry and return. seqtrace probes stop last.
probed() {
	[ "$(grep -v -e GONE -e DISABLED /sys/kernel/debug/kprobes/list | grep -c " $1[+ ]")" -ge 2 ]
}

# Returns true if the kernel has no kprobes and no trampolines of seq_file functions.
no_probes() {
	[ -z "$(cat /sys/kernel/debug/kprobes/list)" ] &&
		! grep -q seq_ /sys/kernel/tracing/enabled_functions
}

# Returns true if no process runs seqtrace. The readers of check do, though not by its name.
no_process() {
	! ls -l /proc/[0-9]*/exe 2>/dev/null | grep -q /seqtrace
}
