# Runs the README's examples: seqtrace traces seq_file.ko, single_file.ko and files of the kernel while they are written
# and read. `cargo xtask demo` runs it in a guest, with --host on this machine.
#
# MODULES: folder with seq_file.ko and single_file.ko; empty: traces the kernel's own files only
# SEQTRACE_FLAGS: additional options for all runs of seqtrace

# stderr goes to stdout, so that headings, timeline and the output of programs stay in order.
exec 2>&1

FILE=/proc/seqfiles/seqfile
READY=$(mktemp -u)
tracer=
module=
# ftrace's list of functions to graph; $graph is set if this script has written to it.
GRAPH=/sys/kernel/tracing/set_graph_function
graph=

clean_up() {
	[ -z "$graph" ] || echo >"$GRAPH"
	[ -z "$tracer" ] || kill -INT "$tracer" 2>/dev/null
	[ -z "$module" ] || rmmod "$module" 2>/dev/null
	rm -f "$READY"
}
trap clean_up EXIT

die() {
	echo "demo: $*"
	exit 1
}

# heading TEXT: prints a heading
heading() {
	printf '\n%s# %s%s\n' "$BOLD" "$*" "$PLAIN"
}

# run CMD: prints a command and runs it
run() {
	printf '%s$ %s%s\n' "$BOLD" "$*" "$PLAIN"
	sh -c "$*" || die "that failed with status $?"
	# Lets seqtrace print the timeline before the next command.
	sleep 0.3
}

attach() {
	printf '%s$ seqtrace attach %s &%s\n' "$BOLD" "$*" "$PLAIN"
	rm -f "$READY"
	seqtrace attach $SEQTRACE_FLAGS --ready-file "$READY" "$@" &
	tracer=$!
	tries=0
	until [ -e "$READY" ]; do
		kill -0 "$tracer" 2>/dev/null || {
			wait "$tracer"
			die "seqtrace ended with status $?"
		}
		tries=$((tries + 1))
		[ $tries -lt 1800 ] || die "seqtrace is not ready after 90 s"
		sleep 0.05
	done
}

# Ends seqtrace as Ctrl-C does.
stop() {
	kill -INT "$tracer"
	wait "$tracer"
	status=$?
	tracer=
	[ $status -eq 0 ] || die "seqtrace ended with status $status"
}

load() {
	run "insmod $MODULES/$1.ko"
	module=$1
}

unload() {
	run "rmmod $module"
	module=
}

three_echos_two_cats() {
	run "echo aaaaa > $FILE"
	run "echo bbbbb > $FILE"
	run "echo ccccc > $FILE"
	run "cat $FILE"
	run "cat $FILE"
}

if [ -n "$MODULES" ]; then
	heading "seq_file.ko: one record that holds everything written so far; reading it consumes it"
	load seq_file
	attach "$FILE"
	three_echos_two_cats
	stop
	unload

	heading "single_file.ko: the same file by single_open(): no iterator to write, show() alone"
	load single_file
	attach "$FILE"
	three_echos_two_cats
	stop
	unload
else
	heading "no modules for this kernel: the kernel's own files only"
fi

heading "/proc/vmstat, a file of the kernel's own, through a read buffer of 128 bytes"
printf '%s$ seqtrace attach /proc/vmstat -- dd if=/proc/vmstat of=/dev/null bs=128 count=4%s\n' "$BOLD" "$PLAIN"
seqtrace attach $SEQTRACE_FLAGS /proc/vmstat -- dd if=/proc/vmstat of=/dev/null bs=128 count=4 ||
	die "seqtrace ended with status $?"

heading "set_graph_function, another one: a bug of Linux's own tracer, without any module"
if ! grep -q -s '^#' $GRAPH; then
	# The kernel has no graph tracer, or the list was written by someone else and must not be changed.
	heading "skipped: $GRAPH does not exist (CONFIG_FUNCTION_GRAPH_TRACER), or it is in use"
	exit 0
fi
graph=yes
for function in do_sys_poll seq_open seq_release vfs_read vfs_write single_open; do
	run "echo $function >> $GRAPH"
done
run "cat $GRAPH"
heading "dd reads 30 bytes at a time: it gets the first three twice and the others never"
printf '%s$ seqtrace attach --preview 16 %s -- dd if=%s bs=30%s\n' "$BOLD" $GRAPH $GRAPH "$PLAIN"
seqtrace attach $SEQTRACE_FLAGS --preview 16 $GRAPH -- dd if=$GRAPH bs=30 || die "seqtrace ended with status $?"
heading "start() has begun at the first function again, whatever *pos was: seqtrace check proves it"
printf '%s$ seqtrace check %s%s\n' "$BOLD" $GRAPH "$PLAIN"
seqtrace check $SEQTRACE_FLAGS $GRAPH
status=$?
[ $status -eq 1 ] || die "seqtrace check ended with status $status instead of 1: findings"
