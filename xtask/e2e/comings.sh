# Modules are loaded and unloaded while they are traced: loaded after attach, unloaded with a file open, loaded again.
# Sessions end, nothing hangs, and a module that is loaded again is traced again.
. "$E2E/lib.sh"

FILE=/proc/seqbugs/eof_stuck

# wholes: number of sessions in which all three records were seen
wholes() {
	grep -c '"type":"close".*"emitted":3,.*"partial":\[\]' $TRACE
}

whole_again() {
	cat $FILE >/dev/null
	[ "$(wholes)" -gt "$before" ]
}

for backend in core callbacks; do
	TRACE=$backend.json
	attach_bg --format json --backend $backend module:seqbugs || continue
	load seqbugs
	cat $FILE >/dev/null
	e2e-helper ops $FILE r2 e"$PWD/$backend.gone" r2 >/dev/null 2>&1 &
	reader=$!
	wait_for 60 lines 2 '"type":"open"' || fail $backend/open "the open reader was not seen"
	unload seqbugs
	touch $backend.gone
	wait $reader
	if wait_for 60 lines 1 '"type":"close".*"removed":true'; then
		ok $backend/closed
	else
		fail $backend/closed "the session did not end with its module"
	fi
	load seqbugs
	cat $FILE >/dev/null
	if wait_for 60 lines 3 '"type":"close"'; then
		ok $backend/again
	else
		fail $backend/again "the reloaded module's file was not picked up"
	fi
	# A probe is removed with its module. It must be set again even if the function has the same address, which is
	# often so.
	before=$(wholes)
	if wait_for 60 whole_again; then
		ok $backend/reloaded
	else
		fail $backend/reloaded "no session of the reloaded module was seen whole"
	fi
	expect_status $backend/exit 0 stop_attach
	expect_eq $backend/names "eof_show" \
		"$(grep '"type":"open"' $TRACE | sed 's/.*"name":"\(eof_show\)".*/\1/' | sort -u)"
	unload seqbugs
done

# A session that was opened before seqtrace started is adopted at its first read and marked as such.
load seqbugs
rm -f go done
e2e-helper ops $FILE r2 e"$PWD/go" r2 r2 >read &
reader=$!
wait_for 60 test -s read
TRACE=adopted.json
if attach_bg --format json $FILE; then
	touch go
	wait $reader
	expect_status adopted/exit 0 stop_attach
	expect_eq adopted/open true "$(e2e-helper json $TRACE type=open --print adopted)"
	expect_grep adopted/partial '"partial":\["adopted"\]' $TRACE
fi
unload seqbugs

# hoge: the kernel reads a seq_file of its own inside insmod.
TRACE=hoge.json
if attach_bg --format json; then
	insmod /modules/hoge.ko size=10
	rmmod hoge
	expect_status hoge/exit 0 stop_attach
	expect_grep hoge/session '"comm":"insmod".*"path":"anon_inode:\[hoge\]"' $TRACE
fi
