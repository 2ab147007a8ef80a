#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Loads every module of this folder and checks that each file behaves as the
# comment in its source describes: bugs must be visible, look-alikes correct.
# Runs in a guest, as root, and needs nothing but busybox:
#
#	sh selftest.sh [folder with the .ko files, default /modules]
#
# Prints lines "ok NAME" or "FAIL NAME reason" and a count; exits with 1 if a
# test failed. If the folder has table.h, it is compared with /proc/seqbugs.

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
		echo "FAIL $name false: $*"
		failed=$((failed + 1))
	fi
}

finish() {
	echo "selftest: $passed ok, $failed failed, Linux $(uname -r)"
	[ "$failed" -eq 0 ]
	exit
}

# count ARG...: prints the number of lines that match; always succeeds
count() {
	grep -c "$@" || true
}

# blocks FILE SIZE [dd operands]: at most 40000 blocks, because back has no end
blocks() {
	file=$1
	bs=$2
	shift 2
	dd if="$file" bs="$bs" "${@:-count=40000}" 2>/dev/null
}

# behind FILE SIZE: prints the text after SIZE bytes, by a seek
behind() {
	dd if="$1" bs="$2" skip=1 2>/dev/null
}

# lines FROM TO: prints records as seqbugs does
lines() {
	i=$1
	while [ "$i" -le "$2" ]; do
		printf 'record %03d abcdefghijklmno\n' "$i"
		i=$((i + 1))
	done
}

# cat reads large blocks; head, uniq and grep read smaller ones, for which other
# records show the bugs.

# ids: prints the numbers of the records on standard input, on one line
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

# --- seqbugs ------------------------------------------------------------

load seqbugs; is seqbugs.load $? 0
proc=/proc/seqbugs
plain=$proc/plain
debugfs=/sys/kernel/debug/seqbugs
[ -d $debugfs ] || debugfs=
cd $proc || finish

# names BUG|OK: prints the names in the table, sorted
names() {
	sed -n "s/^SEQBUG(\([a-z0-9_]*\), *\($1\),.*/\1/p" "$modules/table.h" | sort
}
if [ -f "$modules/table.h" ]; then
	all_names=$(names 'BUG\|OK' | sum)
	bug_names=$(names BUG | sum)
	for folder in $proc $plain $debugfs; do
		is seqbugs.table$folder \
			"$(ls $folder | grep -v '^fixed$\|^plain$\|^link$' | sum)" "$all_names"
		is seqbugs.fixed$folder "$(ls $folder/fixed | sum)" "$bug_names"
	done
fi
is seqbugs.link "$(readlink link) $(readlink /proc/seqbugs_alias)" "eof_stuck seqbugs"
is seqbugs.alias "$(cat /proc/seqbugs_alias/link | tr '\n' ' ')" "0 1 2 "
is seqbugs.device "$(cat /dev/seqbugs | tr '\n' ' ')" "0 1 2 "
is seqbugs.device.bug "$(behind /dev/seqbugs 6)" 2
is seqbugs.device.fixed "$(behind /dev/seqbugs_fixed 6)" ""

lines 0 299 > $tmp/all
all=$(sum < $tmp/all)
{ echo '-- three hundred records --'; cat $tmp/all; } > $tmp/titled

# keeps FILE: prints the part of standard input that is the same in each reading
keeps() {
	case $1 in
	ok_time|volatile_cursor)		cut -c 1-10;;
	ok_counts_opens|ok_counts_reads)	tail -n +2;;
	ok_grows)				head -n 300;;
	end_back)				tr 0-9 0;;
	*)					cat;;
	esac
}

# always_same FILE: tests that all block sizes and seeks give the same text
always_same() {
	cat $1 | keeps $1 > $tmp/whole
	want=$(sum < $tmp/whole)
	got=
	for bs in $blocks; do
		got="$got $(blocks $1 $bs | keeps $1 | sum)"
	done
	is $where.$1.blocks "$got" " $want $want $want $want $want $want"
	case $1 in
	ok_time|ok_counts_*|ok_grows|volatile_cursor|end_back) return;;
	esac
	size=$(wc -c < $tmp/whole)
	is $where.$1.seek "$(behind $1 1000 | sum)" "$(tail -c +1001 $tmp/whole | sum)"
	is $where.$1.mid "$(blocks $1 64 skip=63 | sum)" "$(tail -c +4033 $tmp/whole | sum)"
	is $where.$1.again "$(again 54 $1 | sum)" "$(tail -c +1055 $tmp/whole | sum)"
	# Without lseek() dd reads the text before it, in pieces.
	[ $1 = ok_no_lseek ] || is $where.$1.behind "$(behind $1 $size | wc -c)" 0
}

# again SIZE FILE: prints the text a thousand bytes after a read of SIZE bytes
again() {
	{
		dd bs=$1 count=1 of=/dev/null
		dd bs=1000 skip=1
	} < $2 2>/dev/null
}

look_alikes() {
	for f in ok_*; do
		case $f in
		ok_volatile|ok_consumed|ok_open_fails) continue;;
		esac
		always_same $f
		case $f in
		ok_large)	want=$(wc -c < $f); is $where.$f.text "$want" 23100; continue;;
		ok_skip)	awk 'NR % 3 != 2' $tmp/all > $tmp/want;;
		ok_empty)	awk 'NR % 3 != 1 && NR <= 270' $tmp/all > $tmp/want;;
		ok_same_text)	sed 's/[0-9][0-9]*/000/' $tmp/all > $tmp/want;;
		ok_linked_twice) sed 's/ 250 / 007 /' $tmp/all > $tmp/want;;
		ok_token|ok_start_header) cat $tmp/titled > $tmp/want;;
		ok_footer)	{ cat $tmp/all; echo '-- end --'; } > $tmp/want;;
		ok_section)	want=$(count . < $f); is $where.$f.text "$want" 300; continue;;
		ok_refcount)	awk '{ print $1, $2, "users        1" }' $tmp/all > $tmp/want;;
		ok_time)	cut -c 1-10 $tmp/all > $tmp/want;;
		*)		cat $tmp/all > $tmp/want;;
		esac
		is $where.$f.text "$want" "$(sum < $tmp/want)"
	done

	# Records are removed and added: no record appears twice, all are in order, and
	# most records of one reading are also in the next.
	for bs in $blocks; do
		blocks ok_volatile $bs > $tmp/now
		is $where.ok_volatile.order.$bs "$(sum < $tmp/now)" "$(sort -u $tmp/now | sum)"
		holds $where.ok_volatile.size.$bs "$(count . < $tmp/now)" -ge 280
	done
	cat ok_volatile > $tmp/now
	cat ok_volatile > $tmp/then
	cat ok_volatile >> $tmp/then
	holds $where.ok_volatile.changes \
		"$(sort $tmp/now $tmp/then | uniq -c | count -v '^ *3 ')" -ge 1

	echo > ok_consumed
	is $where.ok_consumed.text "$(cat ok_consumed | sum)" "$(lines 0 99 | sum)"
	is $where.ok_consumed.empty "$(cat ok_consumed)" ""
	echo > ok_consumed
	is $where.ok_consumed.blocks "$(blocks ok_consumed 27 | sum)" "$(lines 0 99 | sum)"
	echo > ok_consumed
	is $where.ok_open_fails "$(cat ok_open_fails 2>&1 | count 'Invalid argument')" 1
	is $where.ok_refcount.two "$(cat ok_refcount 3< ok_refcount | count 'users  *2$')" 300
	holds $where.ok_time.changes "$(head -n 1 ok_time; sleep 1)" != "$(head -n 1 ok_time)"
}

# two FILE: prints four records, read by two readers in turn
two() {
	exec 3< $1 4< $1
	for fd in 3 4 3 4; do
		dd bs=27 count=1 <&$fd 2>/dev/null
	done | ids
	exec 3<&- 4<&-
}

# twice FILE: reads to the end, and again with the same open file
twice() {
	{ cat; cat; } < $1
}

# moved FILE: reads the first record, seeks, and prints the tenth after it
moved() {
	{
		dd bs=27 count=1 of=/dev/null
		dd bs=27 skip=9 count=1
	} < $1 2>/dev/null | ids
}

bugs_of_next() {
	is $where.eof_stuck.cat "$(cat eof_stuck | tr '\n' ' ')" "0 1 2 "
	is $where.eof_stuck.bug "$(behind eof_stuck 6)" 2
	is $where.eof_stuck_long.cat "$(cat eof_stuck_long | sum)" $all
	is $where.eof_stuck_long.bug "$(behind eof_stuck_long 8100 | ids)" "299 "
	is $where.stuck.cat "$(cat stuck | sum)" $all
	is $where.stuck.blocks "$(blocks stuck 27 | sum)" $all
	is $where.stuck.bug "$(behind stuck 8100 | sum)" $all

	is $where.first_stuck.cat "$(cat first_stuck | sum)" "$(cat ok_skip | sum)"
	is $where.first_stuck.bug "$(blocks first_stuck 27 count=8 | ids)" "0 2 2 3 5 5 6 8 "
	is $where.first_stuck.behind "$(behind first_stuck 5400 | head -n 3 | ids)" "200 201 203 "

	is $where.header_stuck.bug "$(head -n 4 header_stuck | ids)" "0 2 3 "
	is $where.header_stuck.blocks "$(blocks header_stuck 28 | head -n 4 | ids)" "1 2 3 "

	is $where.back.cat "$(cat back | sum)" $all
	is $where.back.bug "$(blocks back 27 count=206 | tail -n 7 | ids)" "199 197 198 199 197 198 199 "

	is $where.ipc_holes.bug "$(head -n 12 ipc_holes | ids)" "0 1 2 6 6 6 6 7 8 9 10 11 "
	is $where.ipc_holes.blocks "$(blocks ipc_holes 27 | sum)" "$(cat ipc_holes | sum)"

	cat next_fails > $tmp/now
	is $where.next_fails.status $? 0
	is $where.next_fails.bug "$(sum < $tmp/now)" "$(lines 0 149 | sum)"

	for f in next_ends start_goes_on; do
		is $where.$f.cat "$(cat $f | sum)" "$(lines 0 39 | sum)"
		is $where.$f.blocks "$(blocks $f 7 | sum)" "$(lines 0 39 | sum)"
		is $where.$f.bug "$(blocks $f 100 skip=1 count=1 | ids)" "1 "
	done
}

bugs_of_start() {
	is $where.early.bug "$(cat early | uniq -d | ids)" "150 "
	is $where.early.blocks "$(blocks early 27 | head -n 4 | ids)" "0 0 1 2 "
	is $where.early.behind "$(behind early 8100 | ids)" "299 "

	is $where.late.bug "$(cat late | sum)" "$(grep -v ' 151 ' $tmp/all | sum)"
	is $where.late.blocks "$(blocks late 27 | head -n 4 | ids)" "0 2 4 6 "

	is $where.rewind.bug "$(cat rewind | head -n 153 | tail -n 3 | ids)" "150 0 1 "
	is $where.rewind.ends "$(cat rewind | count .)" 3020
	is $where.alloc_rewind.bug "$(cat alloc_rewind | ids)" \
		"$({ lines 0 150; lines 0 148; } | ids)"
	is $where.alloc_rewind.blocks "$(blocks alloc_rewind 27 | count ' 000 ')" 300
	is $where.graph_filter.cat "$(cat graph_filter | sort | sum)" "$(lines 0 59 | sum)"
	is $where.graph_filter.bug "$(blocks graph_filter 27 | count ' 000 ')" 60

	is $where.header_forgotten.bug "$(cat header_forgotten | ids)" \
		"$(grep -v ' 150 ' $tmp/all | ids)"
	is $where.header_forgotten.blocks "$(blocks header_forgotten 27 | head -n 4 | ids)" "1 3 5 "

	is $where.header_again.bug "$(cat header_again | count three)" 2
	is $where.header_again.lost "$(cat header_again | ids)" "$(grep -v ' 150 ' $tmp/all | ids)"
	is $where.header_again.blocks "$(blocks header_again 28 | count -v three)" 0

	is $where.ordinal.bug "$(cat ordinal | sum)" "$(grep -v ' 151 ' $tmp/all | sum)"
	is $where.ordinal.blocks "$(blocks ordinal 27 | head -n 4 | ids)" "0 2 4 6 "

	is $where.uaf_sim.bug "$(cat uaf_sim | sum)" "$(lines 0 150 | sum)"
	is $where.uaf_sim.blocks "$(blocks uaf_sim 27 | ids)" "0 "

	is $where.shared_cursor.cat "$(cat shared_cursor | sum)" $all
	is $where.shared_cursor.blocks "$(blocks shared_cursor 27 | sum)" $all
	is $where.shared_cursor.bug "$(two shared_cursor)" "0 0 1 2 "
	is $where.ok_one_pointer.two "$(two ok_one_pointer)" "0 0 1 1 "

	is $where.stale.cat "$(cat stale | count 'o$')" 100
	is $where.stale.bug "$(blocks stale 27 | count 'o$')" 1

	is $where.no_eof.bug "$(tail -n 1000 no_eof | uniq | ids)" "299 "
	is $where.no_eof.first "$(head -n 300 no_eof | sum)" $all

	is $where.section_forgotten.bug "$(cat section_forgotten | count '^$')" 58
	is $where.section_forgotten.blocks "$(blocks section_forgotten 119 | count '^$')" 0
	is $where.start_output.bug "$(cat start_output | count three)" 2
	is $where.start_output.blocks "$(blocks start_output 55 | count three)" 300

	is $where.end_back.cat "$(cat end_back | wc -l)" 1
	is $where.end_back.bug "$(blocks end_back 1 count=1000 | wc -c)" 1000
	is $where.end_back.twice "$(twice end_back | wc -l)" 2
	is $where.page_back.bug "$(cat page_back | sum)" "$(lines 0 150 | sum)"
	is $where.page_back.blocks "$(blocks page_back 27 | ids)" "0 "
	is $where.page_back.twice "$(twice page_back | sum)" "$({ lines 0 150; lines 0 150; } | sum)"
	is $where.counter_stuck.bug "$(cat counter_stuck | wc -l)" 151
	is $where.counter_stuck.blocks "$(blocks counter_stuck 200 | wc -l)" 8
}

bugs_of_cursors() {
	is $where.cursor_kept.cat "$(cat cursor_kept | sum)" $all
	is $where.cursor_kept.bug "$(moved cursor_kept)" "11 "
	is $where.volatile_cursor.cat "$(cat volatile_cursor | ids)" "$(ids < $tmp/all)"
	is $where.volatile_cursor.bug "$(moved volatile_cursor)" "11 "
	is $where.cursor_not_reset.cat "$(cat cursor_not_reset | sum)" "$(sum < $tmp/titled)"
	is $where.cursor_not_reset.bug "$({
		dd bs=55 count=1 of=/dev/null
		dd bs=55 skip=9 count=1
	} < cursor_not_reset 2>/dev/null | ids)" "21 "
	is $where.leftover_line.cat "$(cat leftover_line | sum)" $all
	is $where.leftover_line.blocks "$(blocks leftover_line 27 | sum)" $all
	is $where.leftover_line.bug "$({
		dd bs=4096 count=1 of=/dev/null
		dd bs=27 skip=1 count=1
	} < leftover_line 2>/dev/null | ids)" "151 "
	is $where.lseek_rounds.cat "$(cat lseek_rounds | sum)" $all
	is $where.lseek_rounds.bug "$(blocks lseek_rounds 30 skip=1 count=1 | ids)" "1 "
}

bugs_of_show() {
	is $where.side_effects.bug "$(cat side_effects | sum)" "$(grep -v ' 151 ' $tmp/all | sum)"
	is $where.side_effects.blocks "$(blocks side_effects 27 | sum)" $all

	is $where.stop_output.bug "$(cat stop_output | count end)" 2
	is $where.stop_output.blocks "$(blocks stop_output 27 | head -n 4 | count end)" 2

	cat show_fails > $tmp/now 2>$tmp/err
	holds $where.show_fails.status $? -ne 0
	is $where.show_fails.error "$(count 'Input/output' < $tmp/err)" 1
	is $where.show_fails.bug "$(sum < $tmp/now)" "$(lines 0 149 | sum)"

	is $where.skip_all.bug "$(cat skip_all)" ""
	cat overflow_negative > $tmp/now 2>$tmp/err
	is $where.overflow_negative.error "$(count 'not permitted' < $tmp/err)" 1
	is $where.overflow_negative.bug "$(sum < $tmp/now)" "$(lines 0 9 | sum)"

	for f in counting_show counting_start; do
		holds $where.$f.bug "$(cat $f | head -n 1)" != "$(cat $f | head -n 1)"
		is $where.$f.lines "$(cat $f | cut -c 1-10 | sum)" "$(cut -c 1-10 $tmp/all | sum)"
	done
	is $where.open_fails.bug "$(cat open_fails 2>&1 | count 'Invalid argument')" 1
}

# The repaired files must be as correct as the look-alikes.
fixed() {
	for f in *; do
		if [ $f = open_fails ]; then
			is $where.$f "$(cat $f 2>&1 | count 'Invalid argument')" 1
			continue
		fi
		always_same $f
		case $f in
		eof_stuck)		text="$(printf '0\n1\n2\n' | sum)";;
		first_stuck)		text=$(cat ../ok_skip | sum);;
		header_*|start_output|counter_stuck|cursor_not_reset)
					text=$(sum < $tmp/titled);;
		stop_output)		text=$(cat ../ok_footer | sum);;
		stale)			text=$(lines 0 99 | sum);;
		next_ends|start_goes_on) text=$(lines 0 39 | sum);;
		section_forgotten)	text=$(cat ../ok_section | sum);;
		show_fails)		text=$(sed 's/150 .*/150 not available   /' $tmp/all | sum);;
		volatile_cursor)	text=$(cut -c 1-10 $tmp/all | sum);;
		end_back|graph_filter|ipc_holes|overflow_negative) continue;;
		*)			text=$all;;
		esac
		is $where.$f.text "$want" "$text"
	done
	is $where.graph_filter.text "$(cat graph_filter | sort | sum)" "$(lines 0 59 | sum)"
	is $where.ipc_holes.doubles "$(uniq -d ipc_holes)" ""
	is $where.overflow_negative.size "$(wc -c < overflow_negative)" 13100
	is $where.shared_cursor.two "$(two shared_cursor)" "0 0 1 1 "
	is $where.end_back.twice "$(twice end_back | wc -l)" 1
	is $where.page_back.twice "$(twice page_back | sum)" $all
}

for where in proc plain debugfs; do
	eval "folder=\$$where"
	[ -n "$folder" ] && cd $folder || continue
	look_alikes
	bugs_of_next
	bugs_of_start
	bugs_of_cursors
	bugs_of_show
	cd fixed
	where=$where.fixed
	fixed
done
cd $proc
is ok.no_buggy_next "$(dmesg | count 'buggy .next function \(ok_\|[a-z_]*_fixed_\)')" 0

# objects SLAB: prints the number of objects in the matching slab caches
objects() {
	awk -v slab="^($1)$" '$1 ~ slab { n += $2 } END { print n + 0 }' /proc/slabinfo
}
# opened FILE TIMES: opens and closes the file
opened() {
	i=0
	while [ $i -lt $2 ]; do
		{ true < $1; } 2>/dev/null
		i=$((i + 1))
	done
}
# grown FILE SLAB: prints the number of objects that two thousand opens add.
# Counts are in whole slabs (kmalloc-8 has 512 objects in one), and free objects in
# per-CPU lists count as used: other opens use these up first.
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
	holds single_leak.fixed "$(grown fixed/single_leak "$k32")" -le 1024
	holds private_leak.bug "$(grown private_leak "$k8")" -ge 1400
	holds ok_private.no_leak "$(grown ok_private "$k8")" -le 1024
	holds ok_private_kfree.no_leak "$(grown ok_private_kfree "$k8")" -le 1024
	holds private_leak.fixed "$(grown fixed/private_leak "$k8")" -le 1024
	holds never_released.bug "$(grown never_released seq_file)" -ge 1400
	holds never_released.fixed "$(grown fixed/never_released seq_file)" -le 1024
	holds open_fails.bug "$(grown open_fails seq_file)" -ge 1400
	holds open_fails.fixed "$(grown fixed/open_fails seq_file)" -le 1024
	holds ok_open_fails.no_leak "$(grown ok_open_fails seq_file)" -le 1024
	holds ok_alloc.no_leak "$(grown ok_alloc seq_file)" -le 1024
fi

# --- unloading ------------------------------------------------------------

# Unloads the module while a file is open and half read.
exec 3< eof_stuck_long
dd bs=27 count=1 <&3 >/dev/null 2>&1
cd /
rmmod seqbugs; is seqbugs.unload $? 0
is seqbugs.open_file "$(dd bs=27 count=1 <&3 2>&1 | count 'Input/output')" 1
exec 3<&-
is seqbugs.gone "$(ls -d /proc/seqbugs* $debugfs /dev/seqbugs* 2>/dev/null)" ""

is log.clean "$(dmesg | grep -E 'WARNING:|BUG:|Oops|Call Trace|already registered|general protection|refcount_t|duplicate' | head -n 1)" ""

finish
