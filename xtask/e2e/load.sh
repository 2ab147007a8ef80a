# Runs each workload of `cargo xtask load` briefly. seqtrace does not fail, exits with the right status, and either has
# all events or reports how many it lacks.
. "$E2E/lib.sh"
SIZE=quick
. "$E2E/load.parts"

load seq_file
insmod /modules/sequence.ko records=$RECORDS

for part in one_reader all_of_proc many_readers byte_by_byte writer_storm; do
	traced $part || fail $part/attach "seqtrace did not get ready"
	echo "$part: $objects objects, $emitted records, $lost lost, $cpu s CPU, $seconds s ($played s played)"
	expect_eq $part/status 0 $status
	expect_eq $part/missed 0 "$missed"
	expect_eq $part/counted "$lost" $gaps
	case $part in
	one_reader) expect_eq $part/records "$RECORDS 0" "$emitted $lost" ;;
	byte_by_byte) expect_eq $part/reads "$BYTEWISE 0" "$(grep -c '"type":"read".*"want":1,' $TRACE) $lost" ;;
	writer_storm) expect_eq $part/writes "$WRITES 0" "$(grep -c '"type":"write"' $TRACE) $lost" ;;
	esac
	rm -f $TRACE
done
