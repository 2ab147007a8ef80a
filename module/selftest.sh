#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loads every module of this folder and checks that each file does what the
# head of its source says: the bugs must show, the look-alikes must not.
# Inside a guest, as root, with nothing but busybox:
#
#	sh selftest.sh [folder with the .ko files, default /modules]
#
# Prints "ok NAME" or "FAIL NAME why" lines and a count; exits with 1 if one
# failed. A table.h beside the modules is compared with what is in
# /proc/seqbugs.

modules=${1:-/modules}
tmp=${TMPDIR:-/tmp}/selftest.$$
blocks="1 7 27 64 4096 131072"
passed=0
failed=0

mkdir -p "$tmp" || exit 2
trap 'rm -rf "$tmp"' EXIT

# is NAME GOT WANTED
is() {
	if [ "$2" = "$3" ]; then
		echo "ok $1"
		passed=$((passed + 1))
	else
		echo "FAIL $1 got: $2; wanted: $3"
		failed=$((failed + 1))
	fi
}

# holds NAME test-expression...
holds() {
	name=$1
	shift
	if [ "$@" ]; then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name not so: $*"
		failed=$((failed + 1))
	fi
}

finish() {
	echo "selftest: $passed ok, $failed failed, Linux $(uname -r)"
	[ "$failed" -eq 0 ]
	exit
}

# The number of lines that match; grep's own status is of no interest.
count() {
	grep -c "$@" || true
}

# blocks FILE SIZE [dd operands]: at most 40000 blocks, as back has no end.
blocks() {
	file=$1
	bs=$2
	shift 2
	dd if="$file" bs="$bs" "${@:-count=40000}" 2>/dev/null
}

# What there is in FILE behind SIZE bytes, by a seek.
behind() {
	dd if="$1" bs="$2" skip=1 2>/dev/null
}

# lines FROM TO: the records as seqbugs prints them.
lines() {
	i=$1
	while [ "$i" -le "$2" ]; do
		printf 'record %03d abcdefghijklmno\n' "$i"
		i=$((i + 1))
	done
}

# cat reads in large blocks, where head, uniq and grep read in smaller ones: the
# bugs show in other places for those.

# ids: the numbers of the records on standard input, on one line.
ids() {
	sed -n 's/^record 0*\([0-9][0-9]*\) .*/\1/p' | tr '\n' ' '
}

sum() {
	md5sum | cut -d' ' -f1
}

load() {
	insmod "$modules/$1.ko" "$2" 2>"$tmp/insmod"
}

log() {
	dmesg | sed 's/^\[[^]]*\] //' | grep "^$1"
}

# --- the six programs ---------------------------------------------------

for m in seq_file single_file; do
	other=seq_file
	[ $m = seq_file ] && other=single_file
	f=/proc/seqfiles/seqfile

	load $m; is "$m.load" $? 0
	for w in aaaaa bbbbb ccccc; do
		echo $w > $f
	done
	is "$m.text" "$(cat $f | tr '\n' ' ')" "aaaaa bbbbb ccccc "
	is "$m.consumed" "$(cat $f)" ""

	# Longer than a buffer: the core calls show() again with a larger one.
	lines 0 299 > $f
	is "$m.long" "$(cat $f | sum)" "$(lines 0 299 | sum)"
	lines 0 9 > $f
	is "$m.blocks" "$(blocks $f 7 | sum)" "$(lines 0 9 | sum)"
	is "$m.full" "$(dd if=/dev/zero of=$f bs=65536 count=1 2>&1 |
		count 'No space')" 1

	load $other; holds "$m.other_refused" $? -ne 0
	holds "$m.other_error" "$(log $other: | count 'only one of')" -ge 1
	rmmod $m; is "$m.unload" $? 0
	is "$m.gone" "$(ls /proc/seqfiles 2>/dev/null)" ""
done

load sequence; is sequence.load $? 0
f=/proc/sequence
is sequence.text "$(blocks $f 64 count=1 | head -n 3 | tr '\n' ' ')" "0 1 2 "
head -c 1024 $f > $tmp/whole
{ blocks $f 512 count=1; blocks $f 512 skip=1 count=1; } > $tmp/halves
is sequence.seek "$(sum < $tmp/halves)" "$(sum < $tmp/whole)"
is sequence.long "$(head -c 40000 $f | sum)" "$(
	i=0
	while [ $i -lt 9000 ]; do echo $i; i=$((i + 1)); done | head -c 40000 | sum)"
rmmod sequence; is sequence.unload $? 0

load fellow; is fellow.load $? 0
f=/proc/fellow_root/fellow_entry
is fellow.empty "$(cat $f)" ""
echo hello > $f
is fellow.value "$(cat $f)" hello
is fellow.too_long "$(printf 12345678901234567 |
	dd of=$f bs=17 2>&1 | count 'No space')" 1
is fellow.unchanged "$(cat $f)" hello
printf 1234567890123456 | dd of=$f bs=16 2>/dev/null
is fellow.sixteen "$(cat $f)" 1234567890123456
rmmod fellow; is fellow.unload $? 0

load hoge size=100; is hoge.load $? 0
rmmod hoge; is hoge.unload $? 0
is hoge.100 "$(log hoge: | tail -n 1 | count 'hoge1:hoge2:.*:hoge10:\[end\]$')" 1
load hoge size=10; rmmod hoge
is hoge.10 "$(log hoge: | tail -n 1 | count 'hoge1:hoge$')" 1
load hoge size=0; holds hoge.0 $? -ne 0

load mod_proc; is mod_proc.load $? 0
for f in /proc/mod_node /proc/mod_dir/mod_node; do
	is mod_proc.text "$(cat $f)" "Hello from module!"
done
is mod_proc.read "$(dd if=/proc/mod_node bs=131072 2>/dev/null | wc -c)" 19
echo 'Hello again' > /proc/mod_dir/mod_node
is mod_proc.write "$(cat /proc/mod_node)" "Hello again"
is mod_proc.too_long "$(dd if=/dev/zero of=/proc/mod_node bs=161 count=1 2>&1 |
	count 'No space')" 1
rmmod mod_proc; is mod_proc.unload $? 0
is mod_proc.gone "$(ls /proc/mod_node /proc/mod_dir 2>/dev/null)" ""

# --- seqbugs: the look-alikes -------------------------------------------

load seqbugs; is seqbugs.load $? 0
cd /proc/seqbugs || finish

if [ -f "$modules/table.h" ]; then
	is seqbugs.table "$(ls | sum)" \
		"$(sed -n 's/^SEQBUG(\([a-z0-9_]*\),.*/\1/p' "$modules/table.h" | sort | sum)"
fi
lines 0 299 > $tmp/all
all=$(sum < $tmp/all)

for f in ok_*; do
	[ $f = ok_volatile ] && continue
	cat $f > $tmp/whole
	want=$(sum < $tmp/whole)
	size=$(wc -c < $tmp/whole)
	got=
	for bs in $blocks; do
		got="$got $(blocks $f $bs | sum)"
	done
	is $f.blocks "$got" " $want $want $want $want $want $want"
	is $f.seek "$(behind $f 1000 | sum)" "$(tail -c +1001 $tmp/whole | sum)"
	is $f.mid "$(blocks $f 64 skip=63 | sum)" "$(tail -c +4033 $tmp/whole | sum)"
	# Without lseek() dd reads its way there, in pieces.
	[ $f = ok_no_lseek ] || is $f.behind "$(behind $f $size | wc -c)" 0

	case $f in
	ok_large)	want=$(wc -c < $f); is $f.text "$want" 23100; continue;;
	ok_skip)	awk 'NR % 3 != 2' $tmp/all > $tmp/want;;
	ok_empty)	awk 'NR % 3 != 1 && NR <= 270' $tmp/all > $tmp/want;;
	ok_same_text)	sed 's/[0-9][0-9]*/000/' $tmp/all > $tmp/want;;
	ok_linked_twice) sed 's/ 250 / 007 /' $tmp/all > $tmp/want;;
	ok_token)	{ echo '-- three hundred records --'; cat $tmp/all; } > $tmp/want;;
	ok_footer)	{ cat $tmp/all; echo '-- end --'; } > $tmp/want;;
	*)		cat $tmp/all > $tmp/want;;
	esac
	is $f.text "$want" "$(sum < $tmp/want)"
done
is ok.no_buggy_next "$(dmesg | count 'buggy .next function ok_')" 0

# Whatever dies and comes back: no record twice, all in order, and those that
# are there in one reading are mostly there in the next.
for bs in $blocks; do
	blocks ok_volatile $bs > $tmp/now
	is ok_volatile.order.$bs "$(sum < $tmp/now)" "$(sort -u $tmp/now | sum)"
	holds ok_volatile.size.$bs "$(count . < $tmp/now)" -ge 280
done
cat ok_volatile > $tmp/now
cat ok_volatile > $tmp/then
cat ok_volatile >> $tmp/then
holds ok_volatile.changes "$(sort $tmp/now $tmp/then | uniq -c | count -v '^ *3 ')" -ge 1

# --- seqbugs: the bugs --------------------------------------------------

is eof_stuck.cat "$(cat eof_stuck | tr '\n' ' ')" "0 1 2 "
is eof_stuck.bug "$(behind eof_stuck 6)" 2
is eof_stuck_long.cat "$(cat eof_stuck_long | sum)" $all
is eof_stuck_long.bug "$(behind eof_stuck_long 8100 | ids)" "299 "
is stuck.cat "$(cat stuck | sum)" $all
is stuck.blocks "$(blocks stuck 27 | sum)" $all
is stuck.bug "$(behind stuck 8100 | sum)" $all
is eof.buggy_next "$(dmesg | grep 'buggy .next' | count 'eof_next\|eof_long_next\|stuck_next')" \
	"$(dmesg | count 'buggy .next')"

is first_stuck.cat "$(cat first_stuck | sum)" "$(cat ok_skip | sum)"
is first_stuck.bug "$(blocks first_stuck 27 count=8 | ids)" "0 2 2 3 5 5 6 8 "
is first_stuck.behind "$(behind first_stuck 5400 | head -n 3 | ids)" "200 201 203 "

is header_stuck.bug "$(head -n 4 header_stuck | ids)" "0 2 3 "
is header_stuck.blocks "$(blocks header_stuck 28 | head -n 4 | ids)" "1 2 3 "

is back.cat "$(cat back | sum)" $all
is back.bug "$(blocks back 27 count=206 | tail -n 7 | ids)" "199 197 198 199 197 198 199 "

is early.bug "$(cat early | uniq -d | ids)" "150 "
is early.blocks "$(blocks early 27 | head -n 4 | ids)" "0 0 1 2 "
is early.behind "$(behind early 8100 | ids)" "299 "

is late.bug "$(cat late | sum)" "$(grep -v ' 151 ' $tmp/all | sum)"
is late.blocks "$(blocks late 27 | head -n 4 | ids)" "0 2 4 6 "

is rewind.bug "$(cat rewind | head -n 153 | tail -n 3 | ids)" "150 0 1 "
is rewind.ends "$(cat rewind | count .)" 3020

is header_forgotten.bug "$(cat header_forgotten | ids)" \
	"$(grep -v ' 150 ' $tmp/all | ids)"
is header_forgotten.blocks "$(blocks header_forgotten 27 | head -n 4 | ids)" "1 3 5 "

is header_again.bug "$(cat header_again | count three)" 2
is header_again.lost "$(cat header_again | ids)" "$(grep -v ' 150 ' $tmp/all | ids)"
is header_again.blocks "$(blocks header_again 28 | count -v three)" 0

is ordinal.bug "$(cat ordinal | sum)" "$(grep -v ' 151 ' $tmp/all | sum)"
is ordinal.blocks "$(blocks ordinal 27 | head -n 4 | ids)" "0 2 4 6 "

is uaf_sim.bug "$(cat uaf_sim | sum)" "$(lines 0 150 | sum)"
is uaf_sim.blocks "$(blocks uaf_sim 27 | ids)" "0 "

# two FILE: four records, by two readers in turn.
two() {
	exec 3< $1 4< $1
	for fd in 3 4 3 4; do
		dd bs=27 count=1 <&$fd 2>/dev/null
	done | ids
	exec 3<&- 4<&-
}
is shared_cursor.cat "$(cat shared_cursor | sum)" $all
is shared_cursor.blocks "$(blocks shared_cursor 27 | sum)" $all
is shared_cursor.bug "$(two shared_cursor)" "0 0 1 2 "
is ok_one_pointer.two "$(two ok_one_pointer)" "0 0 1 1 "

is side_effects.bug "$(cat side_effects | sum)" "$(grep -v ' 151 ' $tmp/all | sum)"
is side_effects.blocks "$(blocks side_effects 27 | sum)" $all

is stale.cat "$(cat stale | count 'o$')" 100
is stale.bug "$(blocks stale 27 | count 'o$')" 1

is ipc_holes.bug "$(head -n 12 ipc_holes | ids)" "0 1 2 6 6 6 6 7 8 9 10 11 "
is ipc_holes.blocks "$(blocks ipc_holes 27 | sum)" "$(cat ipc_holes | sum)"

is no_eof.bug "$(tail -n 1000 no_eof | uniq | ids)" "299 "
is no_eof.first "$(head -n 300 no_eof | sum)" $all

is stop_output.bug "$(cat stop_output | count end)" 2
is stop_output.blocks "$(blocks stop_output 27 | head -n 4 | count end)" 2

cat show_fails > $tmp/now 2>$tmp/err
holds show_fails.status $? -ne 0
is show_fails.error "$(count 'Input/output' < $tmp/err)" 1
is show_fails.bug "$(sum < $tmp/now)" "$(lines 0 149 | sum)"
cat next_fails > $tmp/now
is next_fails.status $? 0
is next_fails.bug "$(sum < $tmp/now)" "$(lines 0 149 | sum)"

is skip_all.bug "$(cat skip_all)" ""
cat overflow_negative > $tmp/now 2>$tmp/err
is overflow_negative.error "$(count 'not permitted' < $tmp/err)" 1
is overflow_negative.bug "$(sum < $tmp/now)" "$(lines 0 9 | sum)"

# objects SLAB: how many there are, in the caches whose name matches.
objects() {
	awk -v slab="^($1)$" '$1 ~ slab { n += $2 } END { print n + 0 }' /proc/slabinfo
}
# opened FILE TIMES
opened() {
	i=0
	while [ $i -lt $2 ]; do
		: < $1
		i=$((i + 1))
	done
}
# grown FILE SLAB: how many more there are after two thousand opens. Objects
# are counted by the slab (kmalloc-8 has 512 in one), and free ones that some
# processor keeps for itself count as used: use those up first.
grown() {
	opened $1 4000
	before=$(objects "$2")
	opened $1 2000
	echo $(($(objects "$2") - before))
}
for f in single_leak private_leak never_released; do
	is $f.text "$(cat $f | sum)" $all
done
if [ -r /proc/slabinfo ]; then
	k32='kmalloc-(cg-|rnd-[0-9]+-|)32'
	k8='kmalloc-(cg-|rnd-[0-9]+-|)8'
	holds single_leak.bug "$(grown single_leak "$k32")" -ge 1400
	holds ok_single.no_leak "$(grown ok_single "$k32")" -le 1024
	holds private_leak.bug "$(grown private_leak "$k8")" -ge 1400
	holds ok_private.no_leak "$(grown ok_private "$k8")" -le 1024
	holds ok_private_kfree.no_leak "$(grown ok_private_kfree "$k8")" -le 1024
	holds never_released.bug "$(grown never_released seq_file)" -ge 1400
	holds ok_alloc.no_leak "$(grown ok_alloc seq_file)" -le 1024
fi

# --- leaving --------------------------------------------------------------

# With a file open and half read.
exec 3< eof_stuck_long
dd bs=27 count=1 <&3 >/dev/null 2>&1
cd /
rmmod seqbugs; is seqbugs.unload $? 0
is seqbugs.open_file "$(dd bs=27 count=1 <&3 2>&1 | count 'Input/output')" 1
exec 3<&-
is seqbugs.gone "$(ls /proc/seqbugs 2>/dev/null)" ""

is log.clean "$(dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace|already registered|general protection|refcount_t|duplicate' | head -n 1)" ""

finish
