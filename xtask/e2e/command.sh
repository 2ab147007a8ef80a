# once
# seqtrace attach -- CMD: exits with the command's status, sees the command's first read, and writes only data to stdout.
. "$E2E/lib.sh"

FILE=/proc/seqfiles/seqfile
load seq_file

seqtrace attach --format json $FILE -- sh -c "echo aaaaa >$FILE; cat $FILE" >trace 2>errors
expect_eq status 0 $?
expect_status check 0 e2e-helper json-check trace --sessions 2
expect_eq bytes 6 "$(e2e-helper json trace type=cb fate=emitted --print bytes)"
expect_grep text aaaaa errors

seqtrace attach $FILE -- sh -c 'exit 7' >/dev/null 2>&1
expect_eq own-status 7 $?

seqtrace attach -o data $FILE -- sh -c "echo ccccc >$FILE; cat $FILE" >text 2>/dev/null
expect_eq output/text ccccc "$(cat text)"
expect_grep output/data OPEN data

SUDO_UID=1000 SUDO_GID=1000 SUDO_USER=user seqtrace attach $FILE -- id -u >/dev/null 2>errors
expect_grep invoker '^1000$' errors

seqtrace attach $FILE -- cat $FILE 2>/dev/null | head -n 1 >first
expect_eq head 1 "$(wc -l <first)"
