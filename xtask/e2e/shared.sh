# One open file with several readers: threads at the same time, a child, and a process that received the descriptor. The
# trace has one session, and each read has the task that made it and the callbacks that it caused.
. "$E2E/lib.sh"

load seqbugs
FILE=/proc/seqbugs/ok_large
cat $FILE >whole

for backend in core callbacks; do
	# Threads: the second one waits for the seq_file's mutex inside seq_read_iter(). The bytes that read() returns
	# are in order, because it locks the file's offset. pread() makes the core traverse, and each thread finds the
	# state that another one left.
	TRACE=$backend.threads.json
	rm -f log
	attach_bg --format json --ring-size 64MiB --backend $backend $FILE /proc/mounts /proc/cpuinfo ||
		continue
	e2e-helper threads 2 $FILE 1000 --log log
	e2e-helper threads 2 $FILE 1000 --pread 20 --log log
	e2e-helper threads 4 $FILE 7 --pread 40 --log log
	e2e-helper threads 8 /proc/mounts 50 --log log
	e2e-helper threads 8 /proc/mounts 50 --pread 40 --log log
	e2e-helper threads 3 /proc/cpuinfo 500 --pread 6 --log log
	expect_status $backend/threads/exit 0 stop_attach
	e2e-helper json-check $TRACE --log log --sessions 6 --tap $backend/threads

	TRACE=$backend.json
	rm -f socket done named
	attach_bg --format json --backend $backend $FILE || continue

	# s1: two processes, one of which inherited the file. (With read(): sendfile(), which busybox' cat uses, does
	# not lock the file's offset, and both would get all bytes.)
	exec 3<$FILE
	dd bs=1000 <&3 >one 2>/dev/null &
	first=$!
	dd bs=1000 <&3 >two 2>/dev/null &
	second=$!
	wait $first $second
	exec 3<&-

	# s2: the file is passed over a unix socket, and both processes go on reading.
	e2e-helper receive socket r100 p50@10 c-20 r10 >got &
	receiver=$!
	wait_for 60 test -S socket
	e2e-helper ops $FILE r200 usocket r30 >gave &
	giver=$!
	wait $receiver $giver

	# s3, s4: opened by the name in /proc/PID/fd, which is a separate open.
	e2e-helper ops $FILE r200 e"$PWD/done" >named &
	opener=$!
	# After its first read, the file's descriptor is 3; before, 3 may be another file.
	wait_for 60 test -s named
	dd if=/proc/$opener/fd/3 bs=100 count=1 >got 2>/dev/null &
	named=$!
	wait $named
	touch done
	wait $opener

	expect_status $backend/exit 0 stop_attach
	expect_eq $backend/forked/bytes "$(wc -c <whole)" "$(($(wc -c <one) + $(wc -c <two)))"
	for process in "$first one" "$second two"; do
		expect_eq $backend/forked/${process#* } "$(wc -c <${process#* })" \
			"$(e2e-helper json $TRACE session=s1 type=read pid=${process% *} --print bytes |
				awk '{ s += $1 } END { print s + 0 }')"
	done
	expect_eq $backend/handed/opener $giver "$(fields s2 open pid)"
	expect_eq $backend/handed/reads "$(printf '%s\n' "$giver 0 200" "$receiver 200 100" \
		"$receiver 10 50" "$receiver 280 10" "$giver 290 30")" "$(fields s2 read pid,pos,ret)"
	expect_eq $backend/named/opens "$opener $FILE $named $FILE" \
		"$(echo $(fields s3 open pid,path) $(fields s4 open pid,path))"
	expect_eq $backend/named/reads "$opener 0 200 $named 0 100" \
		"$(echo $(fields s3 read pid,pos,ret) $(fields s4 read pid,pos,ret))"
	expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions 4
done
