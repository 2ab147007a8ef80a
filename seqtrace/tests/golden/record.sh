#!/bin/sh
# Records the golden recordings anew, in guests, and what is to be seen in them. Look at the difference.
set -e
cd "$(dirname "$0")/../../.."

# record NAME KERNEL OPTIONS COMMAND
record() {
	script="insmod /modules/seqbugs.ko; seqtrace record -q -o - $3 -- sh -c '$4' 2>/dev/null"
	cargo xtask vm --kernel "$2" -- "$script" >"seqtrace/tests/golden/$1.seqtrace"
}

BUG=/proc/seqbugs
record eof-stuck-6.12 6.12 "--preview 16 $BUG/eof_stuck" \
	"cat $BUG/eof_stuck; dd if=$BUG/eof_stuck bs=6 skip=1"
record eof-fixed-6.12 6.12 "--preview 16 $BUG/fixed/eof_stuck" \
	"cat $BUG/fixed/eof_stuck; dd if=$BUG/fixed/eof_stuck bs=6 skip=1"
record callbacks-6.12 6.12 "--backend callbacks --preview 16 $BUG/eof_stuck $BUG/ok_single" \
	"cat $BUG/eof_stuck; tail -c 3 $BUG/eof_stuck; cat $BUG/ok_single"
record kinds-6.1 6.1 "--preview 16 $BUG/ok_single /proc/version /proc/mounts /proc/*/comm /proc/kpagecount" \
	"cat /proc/version; cat /proc/mounts; head -c 10 /proc/mounts; \
	dd if=/proc/mounts bs=64 skip=2 count=1; cat $BUG/ok_single; echo renamed >/proc/\$\$/comm; \
	cat /proc/\$\$/comm; dd if=/proc/kpagecount bs=8 count=2"
record bugs-6.1 6.1 "--preview 16 module:seqbugs" \
	"dd if=$BUG/early bs=27 count=3; dd if=$BUG/stop_output bs=40 count=2; \
	dd if=$BUG/header_again bs=28 count=3; dd if=$BUG/stuck bs=54 skip=1 count=1; \
	dd if=$BUG/private_leak bs=9 count=1"
for kernel in 6.1 6.12; do
	record misc-$kernel $kernel /proc/misc "cat /proc/misc; dd if=/proc/misc bs=20 count=3"
done
# Where the ring overflows is chance; that nothing is concluded across it is not.
record lost-6.12 6.12 "--ring-size 4KiB /proc/kallsyms" "head -c 6000 /proc/kallsyms"
UPDATE_EXPECT=1 cargo test --package seqtrace --test golden
