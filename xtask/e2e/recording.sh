# arm64
# once
# Recordings: the output of replay equals that of attach; also pipes, kill -9, and files that are not recordings.
. "$E2E/lib.sh"

FILE=/proc/seqbugs/eof_stuck
load seqbugs

same() {
	if cmp "$2" "$3"; then ok "$1"; else fail "$1" "replay shows something else"; fi
}

for format in timeline compact json; do
	seqtrace attach --record a.seqtrace --format $format --preview 9 -o live $FILE /proc/mounts -- \
		sh -c "cat $FILE /proc/mounts; dd if=$FILE bs=6 skip=1 2>&1" >text 2>live.status
	seqtrace replay a.seqtrace --format $format --preview 9 >replayed 2>replayed.status
	same $format live replayed
	# The command of attach also writes to stderr, where the summary is.
	same $format/status live.status replayed.status
done

seqtrace record -o - $FILE -- cat $FILE 2>errors | seqtrace replay - >replayed 2>/dev/null
expect_grep pipe CLOSE replayed
expect_grep pipe/command '^2$' errors
# The reader of the recording closes the pipe, which is not an error; the disk is full, which is. In both cases the
# command ends with the trace.
command="trap 'touch ended; exit' TERM; for i in \$(seq 200); do cat $FILE; sleep 0.1; done >/dev/null"
gone() {
	wait_for 60 test -e ended && ok $1/command || fail $1/command "it goes on"
	rm -f ended
}
{
	seqtrace record -q -o - $FILE -- sh -c "$command" 2>errors
	echo $? >status
} | head -c 1 >first
expect_eq closed "0 " "$(cat status) $(cat errors)"
gone closed
expect_status full 3 seqtrace attach -q -o /dev/full $FILE -- sh -c "$command"
gone full

seqtrace record -q -o b.seqtrace $FILE -- cat $FILE >text 2>errors
expect_eq command '0 1 2' "$(tr '\n' ' ' <text | sed 's/ $//')"
expect_eq quiet '' "$(cat errors)"
seqtrace report b.seqtrace >report
expect_grep report "^$FILE  *1 " report

seqtrace record -q -o c.seqtrace --ready-file ready $FILE &
pid=$!
wait_for 60 test -e ready
cat $FILE >text
# Events are written after at most a second.
written() {
	seqtrace replay c.seqtrace 2>/dev/null | grep -q 'CLOSE seq_release'
}
wait_for 60 written || fail killed/written "it was not written"
kill -9 $pid
seqtrace replay c.seqtrace >replayed 2>errors
expect_eq killed/status 0 $?
expect_grep killed 'CLOSE seq_release' replayed
expect_grep killed/reported 'is cut off' errors

expect_status no-recording 6 seqtrace replay $FILE
expect_status no-file 6 seqtrace replay nothing

# The output of replay does not overwrite the recording.
cp a.seqtrace again.seqtrace
for command in replay report 'check --from'; do
	expect_status "itself/${command%% *}" 2 seqtrace $command a.seqtrace -o ./a.seqtrace
done
expect_status itself/stdin 2 sh -c 'seqtrace replay - -o a.seqtrace <a.seqtrace'
same itself/whole a.seqtrace again.seqtrace
