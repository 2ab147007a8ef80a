# Readers in containers, made of a pid namespace with its own procfs, a chroot, and a bind mount. The trace has the task
# ids and paths as the host sees them.
. "$E2E/lib.sh"

load seqbugs
FILE=/proc/seqbugs/ok_large
cat $FILE >whole

mkdir -p root/proc root/bin proc
cp "$(command -v e2e-helper)" root/bin/
mount -t proc proc root/proc
mount --bind /proc/seqbugs proc

for backend in core callbacks; do
	TRACE=$backend.json
	rm -f go
	attach_bg --format json --backend $backend $FILE $PWD/root/proc/uptime || continue

	# s1: a pid namespace with its own mount of procfs, which is not visible on the host.
	unshare -m -p -f --mount-proc sh -c "
		while [ ! -e go ]; do sleep 0.1; done
		e2e-helper ops $FILE r100 p10@50
		echo \$\$ >inside" >got &
	outer=$!
	init=
	while [ -z "$init" ]; do
		init=$(cat /proc/$outer/task/$outer/children)
	done
	touch go
	wait $outer
	# s2: another mount of procfs. s3: in a chroot. s4: a folder of procfs mounted at another path.
	e2e-helper ops root/proc/uptime r10 >got
	chroot root /bin/e2e-helper ops /proc/uptime r10 >got
	e2e-helper ops proc/ok_large r10 >got
	expect_status $backend/exit 0 stop_attach

	expect_eq $backend/inside 1 "$(cat inside)"
	expect_eq $backend/namespace/path $FILE "$(fields s1 open path)"
	reader=$(fields s1 open pid)
	if [ "$reader" -gt "$init" ]; then
		ok $backend/namespace/pid
	else
		fail $backend/namespace/pid "pid $reader, though the parent has $init"
	fi
	expect_eq $backend/namespace/reads "$(printf '%s\n' "$reader 0 100" "$reader 50 10")" \
		"$(fields s1 read pid,pos,ret)"
	expect_eq $backend/mounts "$PWD/root/proc/uptime $PWD/root/proc/uptime $FILE" "$(echo $(fields s2 open path) \
		$(fields s3 open path) $(fields s4 open path))"
	expect_status $backend/check 0 e2e-helper json-check $TRACE --sessions 4
done
umount root/proc proc

# seqtrace itself in a container: it resolves the paths of the container and traces as on the host.
in_container() {
	unshare -m -p -f --mount-proc sh -c "$1"
}
TRACE=inner.json
in_container "seqtrace attach --format json -o $TRACE $FILE -- e2e-helper ops $FILE a1000" >got
expect_eq inner/attach 0 $?
expect_status inner/bytes 0 cmp got whole
expect_eq inner/path $FILE "$(fields s1 open path)"
expect_status inner/check 0 e2e-helper json-check $TRACE --sessions 1
in_container "seqtrace check --time-limit 2m --read-limit 30s $FILE" >got
expect_eq inner/clean 0 $?
