# arm64
# Both backends must report the same callbacks for the same reads.
. "$E2E/lib.sh"

load seqbugs
load sequence

# Reads that cover the core's paths: the whole file, page by page, tiny reads, reads that begin in the middle of a
# record, traversals, seeks, the end of the file, and offsets after it.
reads() {
	for file in "$@"; do
		e2e-helper ops "$file" a131072@40000
		e2e-helper ops "$file" a4096@9000
		e2e-helper ops "$file" a7@300
		e2e-helper ops "$file" p200@50
		e2e-helper ops "$file" r10 c-5 r10 p20@3 r300 s0 r5 p10@30000 r10
	done >/dev/null
}

# The fields of callbacks without times. Pointers are numbered in the order of their appearance.
FIELDS=session,read,role,phase,pass,pos_in,pos_out,ptr_in,ptr_out,ret,bytes,count,size,full,fate,fixed_up

compare() {
	label=$1
	shift
	for backend in core callbacks; do
		TRACE=$label.$backend.json
		attach_bg --format json --backend $backend "$@" || return
		reads "$@"
		expect_status "$label/$backend/exit" 0 stop_attach
		cb "$TRACE" $FIELDS >"$label.$backend.cb"
		e2e-helper json "$TRACE" type=read --print session,read,pos,want,ret,emitted,leftover,eof \
			>>"$label.$backend.cb"
	done
	if [ ! -s "$label.core.cb" ]; then
		fail "$label/same" "no callbacks were seen"
	elif cmp "$label.core.cb" "$label.callbacks.cb"; then
		ok "$label/same ($(wc -l <"$label.core.cb") callbacks and reads)"
	else
		fail "$label/same" "the backends disagree"
		diff "$label.core.cb" "$label.callbacks.cb" | head -n 20
	fi
}

BUGS=/proc/seqbugs
compare fixed $BUGS/eof_stuck $BUGS/ok_large $BUGS/ok_skip $BUGS/stop_output \
	$BUGS/ok_single $BUGS/ok_nested /proc/mounts
# Their iterators are allocated on the heap with each open or start. Whether the same address is used again is
# random.
FIELDS=session,read,role,phase,pass,pos_in,pos_out,ret,bytes,count,size,full,fate,fixed_up
compare heap /proc/sequence /proc/kallsyms
