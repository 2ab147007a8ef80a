# Every way into the core: each read is in the trace once, with the offset and the bytes that the reader got. read, pread,
# lseek and splice are in reads.sh; SCM_RIGHTS, fork and threads in shared.sh.
. "$E2E/lib.sh"

load seqbugs
ITER=/proc/seqbugs/ok_large
# .proc_read = seq_read: the kernel has no read_iter() to call.
PLAIN=/proc/seqbugs/plain/ok_large
cat $ITER >whole
SIZE=$(wc -c <whole)

# bytes OFFSET COUNT: prints this part of the file
bytes() {
	tail -c +$(($1 + 1)) whole | head -c "$2"
}

# way NAME FILE OP OFFSET COUNT READS: reads with OP, which must return COUNT bytes at OFFSET. READS are the reads in the
# trace (offset, requested, returned); "sum" instead: the kernel decides into how many it splits the call.
way() {
	number=$((number + 1))
	e2e-helper ops $2 "$3" >got 2>error || { fail $backend/$1/works "$(cat error)"; return; }
	bytes $4 $5 | cmp - got && ok $backend/$1/bytes || fail $backend/$1/bytes "the reader got other bytes"
	echo "$1 $number $5 $6" >>expected
}

# refused NAME FILE OP: the kernel refuses OP. No read is in the trace.
refused() {
	number=$((number + 1))
	e2e-helper ops $2 "$3" >got 2>error && fail $backend/$1/refused "it works"
	echo "$1 $number 0 " >>expected
}

for backend in core callbacks; do
	TRACE=$backend.json
	number=0
	rm -f expected
	attach_bg --format json --backend $backend $ITER $PLAIN || continue

	way readv $ITER v100 0 100 "0 100 100"
	way preadv $ITER q100@5000 5000 100 "5000 100 100"
	way dup $ITER d100 0 100 "0 100 100"
	way sendfile $ITER f 0 $SIZE sum
	way io_uring $ITER i100 0 100 "0 100 100"
	way io_uring-at $ITER i100@5000 5000 100 "5000 100 100"
	way aio $ITER k100@0 0 100 "0 100 100"
	way aio-at $ITER k100@5000 5000 100 "5000 100 100"
	way no-mmap $ITER m 0 0 ""
	# Without read_iter(), the kernel reads into one buffer after the other.
	way plain/readv $PLAIN v100 0 100 "0 50 50 50 50 50"
	way plain/preadv $PLAIN q100@5000 5000 100 "5000 50 50 5050 50 50"
	way plain/io_uring $PLAIN i100@50 50 100 "50 100 100"
	refused plain/aio $PLAIN k100@0
	refused plain/sendfile $PLAIN f

	expect_status $backend/exit 0 stop_attach
	while read -r name session count reads; do
		seen=$(echo $(fields s$session read pos,want,ret))
		if [ "$reads" = sum ]; then
			seen=$(echo "$seen" | xargs -n 3 | awk '{ sum += $3 } END { print sum }')
			reads=$count
		fi
		expect_eq "$backend/$name/reads" "$reads" "$seen"
	done <expected
	expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions $number
done
