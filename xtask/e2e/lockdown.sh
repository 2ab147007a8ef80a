# once
# alone
# A kernel that is locked down: with `integrity` everything works, with `confidentiality` every command that traces is refused
# with the reason and the remedy, and a recording can still be replayed.
. "$E2E/lib.sh"

FILE=/proc/version
LOCKDOWN=/sys/kernel/security/lockdown
mount -t securityfs securityfs /sys/kernel/security

seqtrace record -q -o r.seqtrace $FILE -- cat $FILE >/dev/null
echo integrity >$LOCKDOWN
seqtrace attach --format json $FILE -- cat $FILE >integrity.json 2>err
expect_eq integrity/status 0 $?
expect_eq integrity/shows 1 "$(e2e-helper json integrity.json type=cb role=show --print role | wc -l)"
expect_status integrity/doctor 0 seqtrace doctor

echo confidentiality >$LOCKDOWN
for command in "attach $FILE" "attach --backend callbacks $FILE" "record -o s.seqtrace $FILE" "check $FILE" "list $FILE"; do
	seqtrace $command >out 2>err
	expect_eq "$command/status" 3 $?
	expect_grep "$command/reason" 'the kernel is locked down (confidentiality)' err
	expect_grep "$command/remedy" 'lockdown=integrity' err
	[ "$(wc -l <err)" -le 4 ] && ok "$command/short" || fail "$command/short" "$(cat err)"
done
[ ! -e s.seqtrace ] && ok record/file || fail record/file "a recording was created"
expect_status confidentiality/doctor 3 seqtrace doctor
expect_status confidentiality/replay 0 seqtrace replay r.seqtrace -o replayed
expect_grep confidentiality/replayed CLOSE replayed
