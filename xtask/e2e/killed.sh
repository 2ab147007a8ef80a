# Readers are killed between reads, and in the middle of a read, which the kernel finishes first. Their sessions are
# closed and complete.
. "$E2E/lib.sh"

load sequence

# die NAME: kills the reader and waits until its session is closed and the tracer has ended.
die() {
	kill -9 $reader
	wait $reader
	expect_eq $1/killed 137 $?
	wait_for 60 lines 1 '"type":"close"' || fail $1/closed "the session did not end"
	expect_status $1/exit 0 stop_attach
	expect_status $1/check 0 e2e-helper json-check $TRACE --sessions 1
}

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --backend $backend /proc/sequence || continue
	# Reads single bytes of an endless file.
	e2e-helper insist /proc/sequence 1 &
	reader=$!
	wait_for 60 lines 50 '"type":"read"' || fail $backend/reads "no reads were seen"
	die $backend
	offsets=$(e2e-helper json $TRACE type=read ret=1 --print pos)
	expect_eq $backend/offsets "$(seq 0 $(($(echo "$offsets" | wc -l) - 1)))" "$offsets"
done

# The reader is inside a read for seconds on any machine: two records are passed over, one is read.
TRACE=inside.json
echo 1000 >/sys/module/sequence/parameters/delay
if attach_bg --format json /proc/sequence; then
	e2e-helper ops /proc/sequence p2@4 e/never >got &
	reader=$!
	wait_for 60 lines 1 '"role":"start"' || fail inside/start "the read was not seen"
	die inside
	# The reader did not get the bytes, but the kernel finished the read.
	expect_eq inside/unfinished 0 "$(wc -c <got)"
	expect_eq inside/read "4 2 2" "$(e2e-helper json $TRACE type=read --print pos,want,ret | tr '\t' ' ')"
	expect_eq inside/passed 2 "$(e2e-helper json $TRACE type=read --print passed_over)"
fi
