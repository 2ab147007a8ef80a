/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files of /proc/seqbugs, one a line: the module, the tests and the
 * documentation read them from here. No include guard: included once for each
 * meaning of
 *
 * SEQBUG(name, BUG|OK, "findings", "what it does", "seq_operations", "hint")
 *
 * findings: what seqtrace must say of it, comma-separated, root cause first,
 * consequences behind it; "-" for none (info is allowed).
 * seq_operations: the table the four callbacks come from; "-" with single_open.
 * hint: what to do in /proc/seqbugs to see it; "-" if it is never seen there.
 */
SEQBUG(eof_stuck, BUG, "SQ102,SQ201", "next() leaves *pos alone at the end", "eof_ops", "dd if=eof_stuck bs=6 skip=1")
SEQBUG(eof_stuck_long, BUG, "SQ102,SQ201", "next() leaves *pos alone at the end, 300 records", "eof_long_ops", "dd if=eof_stuck_long bs=8100 skip=1")
SEQBUG(early, BUG, "SQ104,SQ201", "start() resumes one record early", "early_ops", "uniq -d early")
SEQBUG(late, BUG, "SQ104,SQ202", "start() resumes one record late", "late_ops", "grep -c . late")
SEQBUG(stop_output, BUG, "SQ303", "stop() prints a footer", "stop_output_ops", "grep -n end stop_output")
SEQBUG(ok_large, OK, "-", "records larger than the buffer", "ok_large_ops", "cat ok_large")
SEQBUG(ok_skip, OK, "-", "show() returns SEQ_SKIP for every third record", "ok_skip_ops", "cat ok_skip")
SEQBUG(ok_one_pointer, OK, "-", "one pointer for all records, a cursor for each open", "ok_one_pointer_ops", "cat ok_one_pointer")
