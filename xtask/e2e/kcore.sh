# Where /proc/kcore is hidden, a program reads the kernel's code, and the same core sites are found.
. "$E2E/lib.sh"

FILE=/proc/uptime

# hidden CMD…: runs CMD where /proc/kcore has no bytes
hidden() {
	unshare -m sh -c 'mount --bind /dev/null /proc/kcore && exec "$@"' sh "$@"
}

seqtrace attach --dry-run >shown.sites || fail shown "status $?"
expect_grep shown/core 'core_show_' shown.sites
hidden seqtrace attach --dry-run >hidden.sites || fail hidden "status $?"
expect_eq same/hidden "$(cat shown.sites)" "$(cat hidden.sites)"
seqtrace attach --inject no-kcore --dry-run >missing.sites || fail missing "status $?"
expect_eq same/missing "$(cat shown.sites)" "$(cat missing.sites)"

hidden seqtrace attach --format json $FILE -- cat $FILE >hidden.json 2>hidden.err
expect_eq hidden/status 0 $?
expect_grep hidden/backend '"backend":"core"' hidden.json
expect_eq hidden/shows 1 "$(e2e-helper json hidden.json type=cb role=show --print role | wc -l)"

# A probe of another tracer on one of the sites: the program reads the tables of kprobes, too.
attach_bg --backend core $FILE && {
	hidden seqtrace attach --dry-run >beside.sites || fail beside "status $?"
	expect_eq same/beside "$(cat shown.sites)" "$(cat beside.sites)"
	stop_attach
}
