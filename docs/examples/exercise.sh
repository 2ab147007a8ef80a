# Changes what notepad and ringlog show: adds a line to both, and empties notepad now and then.
n=$(cat /tmp/n 2>/dev/null || echo 0)
echo $(((n + 1) % 50)) >/tmp/n
echo "note $n" >/proc/notepad
echo "event $n" >/proc/ringlog
[ "$n" != 49 ] || echo >/proc/notepad
