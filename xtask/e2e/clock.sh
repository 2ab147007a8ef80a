# once
# The time of day is set forward and back while a trace runs. Times in the trace and deadlines go on as if it were not:
# they come from CLOCK_MONOTONIC, and UTC is computed from it.
. "$E2E/lib.sh"

FILE=/proc/version
DAY=86400
begin=$(date +%s)

uptime() {
	cut -d . -f 1 /proc/uptime
}

# jump SECONDS: sets the time of day
jump() {
	date -s @$(($(date +%s) + $1)) >/dev/null
}

TRACE=trace.json
attach_bg --format json --record r.seqtrace $FILE
up=$(uptime)
cat $FILE >/dev/null
jump $DAY
cat $FILE >/dev/null
jump -$((3 * DAY))
cat $FILE >/dev/null
expect_status exit 0 stop_attach
up=$(($(uptime) - up + 1))
jump $((2 * DAY))

# ordered NAME FILE: the numbers in the file never decrease
ordered() {
	sort -n -c $2 && ok $1/ordered || fail $1/ordered "times go back"
}

for session in s1 s2 s3; do e2e-helper json $TRACE session=$session --print t; done >t
ordered relative t
expect_eq relative/sessions 3 "$(grep -c '"type":"close"' $TRACE)"
took=$((($(tail -n 1 t) - $(head -n 1 t)) / 1000000000))
[ $took -le $up ] && ok relative/length || fail relative/length "$took s, but $up s have passed"

for time in utc wall; do
	seqtrace replay --format timeline --time $time r.seqtrace 2>/dev/null | grep -o '^[0-9T:.-]*[0-9]' | tr -d 'T:-' >$time
	[ -s $time ] && ok $time/shown || fail $time/shown "no times"
	ordered $time $time
done
# The day is that of the beginning.
seqtrace replay --format json r.seqtrace >replayed 2>/dev/null
cmp $TRACE replayed && ok replay || fail replay "replay shows something else"
seqtrace report r.seqtrace >report
from=$(sed -n 's/.*from \([0-9-]*\)T.*/\1/p' report | head -n 1)
expect_eq report/day "$(date -u -d @$begin +%Y-%m-%d)" "$from"

# Deadlines.
up=$(uptime)
seqtrace attach --for 3s $FILE -- sh -c "sleep 1; date -s @$(($(date +%s) + DAY)); sleep 60" >out 2>err
up=$(($(uptime) - up))
[ $up -ge 3 ] && [ $up -lt 60 ] && ok for/forward || fail for/forward "it took $up s"
jump -$DAY
up=$(uptime)
seqtrace attach --for 3s $FILE -- sh -c "sleep 1; date -s @$(($(date +%s) - DAY)); sleep 60" >out 2>err
up=$(($(uptime) - up))
[ $up -ge 3 ] && [ $up -lt 60 ] && ok for/back || fail for/back "it took $up s"
jump $DAY
