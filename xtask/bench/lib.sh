# Functions of the benchmark's scripts in guests. The scripts print facts, `fact ROW FILE KEY VALUE` (see
# xtask/bench-helper/src/measure.rs), to stdout and messages to stderr. A row that cannot be measured has only the fact
# `absent`, with the reason.

fact() {
	printf 'fact\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4"
}

# file LABEL PATH PASSES MOST: selects the file of the next rows. Finds its four callbacks and counts their calls in one
# pass, with empty probes whose runs the kernel counts.
file() {
	LABEL=$1 FILE=$2 PASSES=$3 MOST=$4
	echo "$LABEL" >&2
	ADDRESSES=$(seqtrace attach -q --format json --for 1ms "$FILE" | grep '"type":"target"' |
		grep -o '"\(start\|next\|show\|stop\)":{"address":"[^"]*"' | cut -d'"' -f6)
	FUNCTIONS=$(for address in $ADDRESSES; do
		awk -v address="${address#0x}" '$1 == address && NF > 3 { gsub(/[][]/, "", $4); print $4 ":" $3; exit }
			$1 == address { print $3; exit }' /proc/kallsyms
	done)
	# Call sites in the core, which seqtrace prints as `  ADDRESS core_…`.
	SITES=$(seqtrace attach --dry-run --backend core "$FILE" | sed -n 's/^ *\([0-9a-f]*\) core_.*/\1/p')
	rm -f ready
	bench-helper floor kprobe --count --ready-file ready $ADDRESSES >count &
	floor=$!
	until [ -e ready ]; do usleep 1000; done
	bench-helper read "$FILE" --passes 1 --most "$MOST" >/dev/null
	kill -INT $floor
	wait $floor
	read -r count <count
	# The reader makes one more pass to warm up.
	fact calls "$LABEL" calls $((count / 2))
	fact calls "$LABEL" path "$FILE"
	fact calls "$LABEL" functions "$(echo $FUNCTIONS)"
}

# measure ROW OPTION… -- TRACER…: measures a tracer, whose stderr goes to the file err
measure() {
	row=$1
	shift
	echo "    $row" >&2
	if ! bench-helper measure --row "$row" --label "$LABEL" --passes "$PASSES" --most "$MOST" \
		"$FILE" "$@" 2>err; then
		fact "$row" "$LABEL" absent "$(tail -n 1 err)"
		cat err >&2
		return 1
	fi
}

# seqtrace_row ROW ARGUMENT…: measures seqtrace
seqtrace_row() {
	row=$1
	shift
	measure "$row" --ready-file ready -- seqtrace "$@" --ready-file ready -o out || return
	# The summary is `… lost 0  missed 0 …`, or in JSON `…"lost":0,"missed":0,…`.
	tail -n 1 out | grep '"type":"end"' >>err
	sed -n 's/.*"lost":\([0-9]*\),"missed":\([0-9]*\),.*/\1 \2/p
		s/.* lost \([0-9]*\)  missed \([0-9]*\)  .*/\1 \2/p' err >summary
	if read -r lost missed <summary; then
		fact "$row" "$LABEL" lost "$lost"
		fact "$row" "$LABEL" missed "$missed"
	fi
	fact "$row" "$LABEL" out_bytes "$(stat -c %s out)"
	rm -f out
}

# unique ROW: returns true if the names of the callbacks are unique in the kernel; otherwise the row is absent
unique() {
	for name in $(echo $FUNCTIONS | sed 's/[^ ]*://g'); do
		same=$(grep -c " $name\(	.*\)*$" /proc/kallsyms)
		if [ "$same" -ne 1 ]; then
			fact "$1" "$LABEL" absent "$same functions are called $name"
			return 1
		fi
	done
}

# bpftrace_row: measures bpftrace, which prints a line for each callback with the facts that seqtrace shows: position,
# pointer, value returned, duration. Its buffer is as large as seqtrace's ring buffer.
bpftrace_row() {
	unique bpftrace || return
	set -- $(echo $FUNCTIONS | sed 's/[^ ]*://g')
	for role in start next show stop; do
		case $role in start) v=0 ;; *) v=arg1 ;; esac
		case $role in stop) ret=0 ;; *) ret=retval ;; esac
		echo "kprobe:$1 { @m[tid] = arg0; @v[tid] = (uint64)$v; @t[tid] = nsecs;
				@pos[tid] = ((struct seq_file *)arg0)->index; }
			kretprobe:$1 /@t[tid]/ { printf(\"%d $role %lld -> %lld  %llx -> %llx  %d\\n\", tid, @pos[tid],
				((struct seq_file *)@m[tid])->index, @v[tid], (uint64)$ret, nsecs - @t[tid]); }"
		shift
	done >script.bt
	echo 'END { clear(@m); clear(@v); clear(@t); clear(@pos); }' >>script.bt
	: >out
	BPFTRACE_PERF_RB_PAGES=2048 measure bpftrace --ready-probes 8 --lines out -- bpftrace -o out script.bt || return
	lost=$(cat out err | sed -n 's/.*Lost \([0-9]*\) events.*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }')
	fact bpftrace "$LABEL" lost "$lost"
	rm -f out
}

# graph_row: measures ftrace's function_graph, whose text goes to a file
graph_row() {
	tracing=/sys/kernel/tracing
	echo 8192 >$tracing/buffer_size_kb
	for name in $(echo $FUNCTIONS | sed 's/[^ ]*://g'); do
		echo "$name" >>$tracing/set_ftrace_filter
	done
	: >out
	measure function_graph --ready-file ready --lines out -- sh -c "echo function_graph >$tracing/current_tracer
		: >ready
		exec cat $tracing/trace_pipe >out"
	fact function_graph "$LABEL" lost "$(sed -n 's/^overrun: //p' $tracing/per_cpu/cpu0/stats)"
	echo nop >$tracing/current_tracer
	: >$tracing/set_ftrace_filter
	rm -f out
}
