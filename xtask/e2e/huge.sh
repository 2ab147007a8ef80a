# once
# Large numbers: a record of 100 MB, more records than the ledger keeps, thousands of open sessions, a burst of opens. Each
# count in the trace is exact, and memory does not grow with the number of events.
. "$E2E/lib.sh"

# huge NAME TARGET OPTIONS…: starts a tracer whose JSON is counted and not stored
huge() {
	NAME=$1
	TRACE=$NAME.fifo
	shift
	mkfifo $TRACE
	e2e-helper tally $TRACE >$NAME.counted &
	counter=$!
	rm -f ready
	seqtrace attach --format json --ready-file ready -o $TRACE --ring-size 64MiB "$@" 2>$NAME.err &
	tracer=$!
	wait_for 90 attach_is_ready
}

# counted EXPECTED: ends the trace. EXPECTED are the numbers of emitted records, events lost in gaps, lost events, missed
# events, sessions and partial sessions.
counted() {
	rss=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$tracer/status)
	expect_status $NAME/exit 0 stop_attach
	wait $counter
	expect_eq $NAME/counts "$1" "$(cut -d ' ' -f 2- $NAME.counted)"
	# Twice the ring is mapped.
	[ $rss -lt 262144 ] && ok $NAME/memory || fail $NAME/memory "$rss KiB"
	echo "$NAME: $(cat $NAME.counted), $rss KiB, at $(cut -d ' ' -f 1 /proc/uptime) s"
}

FILE=/proc/sequence
MB100=$((100 * 1000 * 1000))
insmod /modules/sequence.ko records=1 width=$MB100
huge record $FILE
e2e-helper ops $FILE a131072 | wc -c >bytes
expect_eq record/bytes $MB100 "$(cat bytes)"
counted "1 0 0 0 1 0"
TRACE=record.json
attach_bg --format json $FILE
e2e-helper ops $FILE r1000 p1000@$((MB100 - 500)) >/dev/null
expect_status record/exit 0 stop_attach
expect_eq record/reads "0 1000 $((MB100 - 500)) 500" "$(echo $(fields s1 read pos,ret))"
expect_status record/check 0 e2e-helper json-check $TRACE --sessions 1
unload sequence

# The ledger keeps the last 262,144 records (seqtrace-model/src/rules/ledger/entries.rs).
RECORDS=270000
insmod /modules/sequence.ko records=$RECORDS
huge records $FILE
e2e-helper ops $FILE a131072 >/dev/null
counted "$RECORDS 0 0 0 1 0"
unload sequence

# More than fit into 16 bits are opened, one after the other.
FILE=/proc/version
OPENS=66000
huge burst $FILE
e2e-helper cycles $OPENS $FILE
counted "0 0 0 0 $OPENS 0"

HELD=3000
huge held $FILE
e2e-helper hold $HELD $FILE
counted "$HELD 0 0 0 $HELD 0"
