# Readers that are killed: between reads, and in the middle of a read, which the kernel finishes before
# they die. Their sessions are closed, and are as they would have been.
. "$E2E/lib.sh"

# What is that far inside of a file is reached by rendering all that is before it: a read that takes long.
FAR=400000

load sequence

# has SESSION TYPE COUNT: that many objects of the session's in the trace
has() {
	[ "$(grep -c "\"type\":\"$2\".*\"session\":\"$1\"" "$TRACE")" -ge "$3" ]
}

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --ring-size 64MiB --backend $backend /proc/sequence /proc/kallsyms || continue

	# Byte by byte, and without an end.
	e2e-helper insist /proc/sequence 1 &
	reader=$!
	wait_for 20 has s1 read 50 || fail $backend/between/reads "no reads were seen"
	kill -9 $reader
	wait $reader
	expect_eq $backend/between/killed 137 $?
	wait_for 20 has s1 close 1 || fail $backend/between/closed "the session did not end"

	e2e-helper ops /proc/kallsyms p10@$FAR e/never >inside &
	reader=$!
	wait_for 20 has s2 open 1 || fail $backend/inside/open "the open was not seen"
	kill -9 $reader
	wait $reader
	expect_eq $backend/inside/killed 137 $?
	wait_for 60 has s2 close 1 || fail $backend/inside/closed "the session did not end"

	expect_status $backend/exit 0 stop_attach
	told=$(e2e-helper json $TRACE type=read session=s1 ret=1 --print pos)
	expect_eq $backend/between/offsets "$(seq 0 $(($(echo "$told" | wc -l) - 1)))" "$told"
	# It never had them, but the kernel did its part.
	expect_eq $backend/inside/unfinished 0 "$(wc -c <inside)"
	expect_eq $backend/inside/read "$FAR 10 10" \
		"$(e2e-helper json $TRACE type=read session=s2 --print pos,want,ret | tr '\t' ' ')"
	expect_eq $backend/inside/passed "$(head -c $FAR /proc/kallsyms | wc -l)" \
		"$(e2e-helper json $TRACE type=read session=s2 --print passed_over)"
	expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions 2
done
