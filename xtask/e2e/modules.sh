# arm64
# The modules load, behave as documented, and can be unloaded.
. "$E2E/lib.sh"

FILE=/proc/seqfiles/seqfile

for module in seq_file single_file; do
	load $module
	for word in aaaaa bbbbb ccccc; do
		echo $word >$FILE
	done
	expect_eq $module/text "$(printf 'aaaaa\nbbbbb\nccccc')" "$(cat $FILE)"
	expect_eq $module/consumed "" "$(cat $FILE)"
	unload $module
done

load seq_file
if insmod /modules/single_file.ko 2>/dev/null; then
	fail second "both modules are loaded"
else
	ok second
fi
unload seq_file

load sequence
whole=$(dd if=/proc/sequence bs=1024 count=1 2>/dev/null | md5sum)
parts=$({
	dd if=/proc/sequence bs=512 count=1
	dd if=/proc/sequence bs=512 skip=1 count=1
} 2>/dev/null | md5sum)
expect_eq sequence/seek "$whole" "$parts"
unload sequence
insmod /modules/sequence.ko records=3 width=9000
expect_eq sequence/width "27000 0 .1 .2 ." \
	"$(dd if=/proc/sequence bs=4096 2>/dev/null | wc -c) $(tr -s ' ' </proc/sequence | tr '\n' .)"
unload sequence

load fellow
echo -n hello >/proc/fellow_root/fellow_entry
expect_eq fellow/text hello "$(cat /proc/fellow_root/fellow_entry)"
if echo "longer than sixteen bytes" 2>/dev/null >/proc/fellow_root/fellow_entry; then
	fail fellow/long "a long write succeeded"
else
	ok fellow/long
fi
expect_eq fellow/unchanged hello "$(cat /proc/fellow_root/fellow_entry)"
unload fellow

# Without a callback that oopses.
insmod /modules/oops.ko callback=none
expect_eq oops/text "record 9" "$(tail -n 1 /dev/seqoops)"
unload oops

load mod_proc
expect_eq mod_proc/text "Hello from module!" "$(cat /proc/mod_node)"
unload mod_proc

load seqbugs
# behind FILE: prints the result of a read at the end of the file, which should be empty
behind() {
	dd if=$1 bs=6 skip=1 2>/dev/null
}
names=$(sed -n 's/^SEQBUG(\([a-z0-9_]*\),.*/\1/p' "$E2E/seqbugs.table" | sort)
bugs=$(sed -n 's/^SEQBUG(\([a-z0-9_]*\), BUG,.*/\1/p' "$E2E/seqbugs.table" | sort)
for folder in /proc/seqbugs /proc/seqbugs/plain /sys/kernel/debug/seqbugs; do
	expect_eq $folder/names "$names" "$(ls $folder | grep -v -x 'plain\|fixed\|link')"
	expect_eq $folder/fixed/names "$bugs" "$(ls $folder/fixed)"
	expect_eq $folder/bug 2 "$(behind $folder/eof_stuck)"
	expect_eq $folder/fixed "" "$(behind $folder/fixed/eof_stuck)"
done
expect_eq device/bug 2 "$(behind /dev/seqbugs)"
expect_eq device/fixed "" "$(behind /dev/seqbugs_fixed)"
expect_eq links "$(cat /proc/seqbugs/eof_stuck)" "$(cat /proc/seqbugs_alias/link)"
unload seqbugs
