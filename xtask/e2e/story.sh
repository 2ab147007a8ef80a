# arm64: ci
# The README's example with seq_file.ko and single_file.ko: four sessions each, with callbacks in order and every byte
# explained, with both backends.
. "$E2E/lib.sh"

FILE=/proc/seqfiles/seqfile

story() {
	for word in aaaaa bbbbb ccccc; do
		echo $word >$FILE
	done
	cat $FILE >cat
	cat $FILE >>cat
}


for backend in core callbacks; do
	test=$backend/seq_file
	load seq_file
	TRACE=$test.json
	mkdir -p $backend
	if attach_bg --format json --backend $backend $FILE; then
		story
		expect_status $test/exit 0 stop_attach
		expect_eq $test/text "$(printf 'aaaaa\nbbbbb\nccccc')" "$(cat cat)"
		expect_eq $test/writes "$(printf '6\n6\n6')" \
			"$(e2e-helper json $TRACE type=write --print ret)"
		expect_eq $test/reads "$(printf '18\n0\n0')" \
			"$(e2e-helper json $TRACE type=read --print ret)"
		expect_eq $test/callbacks "$(printf '%s\n' \
			'start 0 - p1' 'show 0 p1 -' 'next 0 p1 NULL' 'stop 1 NULL -' \
			'start 1 - NULL' 'stop 1 NULL -' \
			'start 0 - NULL' 'stop 0 NULL -')" \
			"$(cb $TRACE role,pos_in,ptr_in,ptr_out | tr '\t' ' ')"
		expect_status $test/check 0 e2e-helper json-check $TRACE --sessions 5
	fi
	unload seq_file

	test=$backend/single_file
	load single_file
	TRACE=$test.json
	if attach_bg --format json --backend $backend $FILE; then
		story
		expect_status $test/exit 0 stop_attach
		expect_eq $test/text "$(printf 'aaaaa\nbbbbb\nccccc')" "$(cat cat)"
		expect_eq $test/roles "start show next stop start stop start show next stop" \
			"$(echo $(cb $TRACE role))"
		expect_eq $test/opened "single_open single_open single_open single_open single_open" \
			"$(echo $(e2e-helper json $TRACE type=open --print opened_by))"
		expect_status $test/check 0 e2e-helper json-check $TRACE --sessions 5
	fi
	unload single_file
done
