# What the benchmark's scripts in the guest share. They print facts, `fact ROW FILE KEY VALUE`, see
# xtask/bench-helper; everything else they say goes to stderr. A row that cannot be had says why, as the
# fact `absent`.

fact() {
	printf 'fact\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4"
}

# file LABEL PATH PASSES MOST: what the next rows read. Finds its four callbacks, and counts how often
# one pass calls them: empty probes on them, counted by the kernel.
file() {
	LABEL=$1 FILE=$2 PASSES=$3 MOST=$4
	echo "$LABEL" >&2
	# Of the target's line: the table, then start, next, show, stop.
	seqtrace attach -q --format json --for 1ms "$FILE" >target.json
	ADDRESSES=$(grep '"type":"target"' target.json | grep -o '"address":"[^"]*"' | cut -d'"' -f4 | sed 1d)
	FUNCTIONS=$(for address in $ADDRESSES; do
		awk -v address="${address#0x}" '$1 == address && NF > 3 { gsub(/[][]/, "", $4); print $4 ":" $3; exit }
			$1 == address { print $3; exit }' /proc/kallsyms
	done)
	rm -f ready
	bench-helper floor kprobe --count --ready-file ready $ADDRESSES >count &
	floor=$!
	until [ -e ready ]; do usleep 1000; done
	bench-helper read "$FILE" --passes 1 --most "$MOST" >/dev/null
	kill -INT $floor
	wait $floor
	read -r count <count
	# The reader warms up with a pass of its own.
	fact calls "$LABEL" calls $((count / 2))
	fact calls "$LABEL" path "$FILE"
	fact calls "$LABEL" functions "$(echo $FUNCTIONS)"
}

# measure ROW OPTION… -- TRACER…; what the tracer says goes to $ROW.err
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

# seqtrace_row ROW ARGUMENT…
seqtrace_row() {
	row=$1
	shift
	measure "$row" --ready-file ready --lines out -- seqtrace "$@" --ready-file ready -o out || return
	# The last line of what it says: `… lost 0  missed 0 …`.
	fact "$row" "$LABEL" lost "$(grep -o 'lost [0-9]*' err | tail -n 1 | cut -d' ' -f2)"
	fact "$row" "$LABEL" missed "$(grep -o 'missed [0-9]*' err | tail -n 1 | cut -d' ' -f2)"
	fact "$row" "$LABEL" out_bytes "$(stat -c %s out)"
	rm -f out
}
