# The terminal UI in a real terminal: a live trace of readers that never stop, by keys only. However it ends, the terminal
# is as it was.
# once
. "$E2E/lib.sh"

if ! command -v tmux >/dev/null; then
	skip tui "there is no tmux"
	exit 0
fi
load seqbugs
FILE=/proc/seqbugs/eof_stuck
ATTACH="seqtrace attach --tui --preview 16 $FILE"
export TMUX_TMPDIR=$T

tmux -u -f /dev/null new-session -d -x 100 -y 30 'exec sh' || {
	fail tmux "it does not start"
	exit 0
}
keys() {
	tmux send-keys "$@"
}
screen() {
	tmux capture-pane -p
}
shows() {
	screen | grep -q -e "$1"
}
# expect_screen NAME PATTERN: waits until a line of the screen matches
expect_screen() {
	if wait_for 60 shows "$2"; then
		ok "$1"
	else
		fail "$1" "no line of the screen matches $2"
		screen
	fi
}
modes() {
	tmux display-message -p '#{alternate_on} #{mouse_any_flag} #{cursor_flag}'
}
is_plain() {
	[ "$(modes)" = '0 0 1' ]
}
# expect_restored NAME: the screen is gone, and the modes of the terminal are those of before
expect_restored() {
	wait_for 60 is_plain || fail "$1/modes" "alternate screen, mouse, cursor: $(modes)"
	keys C-u "stty -a >$T/$1.after; echo checked $1" Enter
	wait_for 60 shows "^checked $1" || fail "$1/shell" "the shell does not answer"
	expect_eq "$1/restored" "$(cat "$T/before")" "$(cat "$T/$1.after")"
	wait_for 60 no_seqtrace || fail "$1/ended" "$(ps)"
}
no_seqtrace() {
	! ps | grep -q '[s]eqtrace attach\|guard-[t]erminal'
}
# begin OPTIONS…: starts the trace in the terminal
begin() {
	keys "clear; $ATTACH $*" Enter
	wait_for 120 shows 'Sessions' || {
		fail begin "the screen does not appear"
		screen
	}
}

keys "stty -a >$T/before; echo checked before" Enter
wait_for 60 shows '^checked before' || fail shell "the shell does not answer"
while :; do
	cat $FILE
	dd if=$FILE bs=6 skip=1
	sleep 0.2
done >/dev/null 2>&1 &
readers=$!

begin
expect_screen live/follow 'follow'
expect_screen live/sessions ' cat/'
# While it is paused, the screen does not change.
keys Space
expect_screen pause 'PAUSED'
sleep 0.5
# The sums of a session that is open go on.
before=$(screen | grep -v ' open$')
sleep 2
expect_eq pause/still "$before" "$(screen | grep -v ' open$')"
keys Space f
# Only the sessions that dd has opened; the words are those of the command line.
keys F
keys -l -- '--comm dd'
keys Enter
expect_screen filter 'filter --comm dd'
shows ' cat/' && fail filter/others "sessions of cat are shown"
# The double emit is a consequence of the first finding.
keys g x
expect_screen finding/cause '✗✗ SQ102'
keys x
expect_screen finding/double 'SQ201 double emit'
keys m
expect_screen map 'File map'
keys z z p
expect_screen plot 'Positions'
keys '?'
expect_screen help 'any other key closes'
keys Escape
tmux resize-window -x 30 -y 8
expect_screen small 'too small'
tmux resize-window -x 100 -y 30
expect_screen large 'Positions'
keys C-z
expect_screen suspend 'Stopped'
keys C-u 'fg' Enter
expect_screen resume 'Sessions'
keys q
expect_restored quit

# SIGHUP takes the path of SIGTERM. pidof would find the guardian of the terminal, too.
for signal in TERM KILL; do
	begin
	kill -$signal $(ps | sed -n 's/^ *\([0-9]*\) .*[s]eqtrace attach.*/\1/p')
	expect_restored $signal
done

begin --inject tui-panic
keys w
keys -l name
keys Enter
expect_restored panic
expect_screen panic/reason 'injected'

kill $readers
tmux kill-server
