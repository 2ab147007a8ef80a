# once
# Source lines of functions, from the debug information in seqbugs.ko, and the tables that `list --tables` finds.
. "$E2E/lib.sh"

# Where module/seqbugs/eof_stuck.c defines eof_next() and eof_show().
NEXT=seqbugs/eof_stuck.c:35
SHOW=seqbugs/eof_stuck.c:50
FILE=/proc/seqbugs/eof_stuck
LIMITS="--time-limit 2m --read-limit 30s"

load seqbugs
mkdir debug stale
cp /modules/seqbugs.ko debug

seqtrace check $LIMITS --debug-dir debug $FILE >text 2>&1
expect_eq check/status 1 $?
expect_grep check/line "in eof_next \[seqbugs+0x[0-9a-f]*\] at $NEXT " text
expect_grep check/cause "cause SQ102 eof_next \[seqbugs+0x[0-9a-f]*\] at $NEXT " text

# The recording has the line: a replay needs no debug information.
seqtrace record -q --debug-dir debug -o recorded $FILE -- cat $FILE >cat.out 2>&1
rm -r debug
seqtrace replay recorded 2>/dev/null >timeline
expect_grep replay/line "in eof_next \[seqbugs+0x[0-9a-f]*\] at $NEXT " timeline
seqtrace check --from recorded --format github >github
expect_grep github/line "^::error file=seqbugs/eof_stuck.c,line=${NEXT#*:},title=SQ102 " github
seqtrace check --from recorded --format junit >junit
expect_grep junit/line "file=\"seqbugs/eof_stuck.c\" line=\"${NEXT#*:}\"" junit
seqtrace check --from recorded --format json >json
expect_grep json/line "\"source\":{\"file\":\"seqbugs/eof_stuck.c\",\"line\":${NEXT#*:}}" json

# A file of another build is refused: here another module under this name, with a build id of its own.
cp /modules/sequence.ko stale/seqbugs.ko
seqtrace check $LIMITS --debug-dir stale $FILE >text 2>&1
expect_grep stale/note 'note: no source lines from stale/seqbugs.ko: it is of another build' text
expect_eq stale/lines 0 "$(grep -c 'eof_stuck.c:' text)"
seqtrace check $LIMITS --debug-dir /modules --debug-dir absent $FILE >text 2>&1
expect_grep absent/note 'note: no source lines from absent: No such file' text
expect_grep absent/line " at $NEXT " text

seqtrace list --debug-dir /modules $FILE /proc/seqbugs/ok_token >list
expect_grep list/line "^$FILE .*eof_show eof_stop \[seqbugs\] at $SHOW" list
expect_eq list/many 2 "$(grep -c ' at seqbugs/[a-z_]*\.c:[0-9]*' list)"
seqtrace list --json $FILE >list
expect_eq list/without 0 "$(grep -c source list)"

seqtrace list --tables --debug-dir /modules module:seqbugs >tables
expect_grep tables/line "^eof_ops \[seqbugs\]  *eof_start eof_next eof_show eof_stop at $SHOW" tables
seqtrace list --tables --json >tables
expect_grep tables/kernel '"callbacks":\["s_start","s_next","s_show","s_stop"\],"module":null' tables
expect_grep tables/module '"table":"eof_ops".*"module":"seqbugs"' tables
expect_status tables/none 5 seqtrace list --tables no_such_ops 2>none
echo "$(wc -l <tables) tables"
unload seqbugs
