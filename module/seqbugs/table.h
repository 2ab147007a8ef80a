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
 * hint: what to do in /proc/seqbugs to see it; "-" if nothing is seen there.
 */
SEQBUG(eof_stuck, BUG, "SQ102,SQ201", "next() leaves *pos alone at the end", "eof_ops", "dd if=eof_stuck bs=6 skip=1")
SEQBUG(eof_stuck_long, BUG, "SQ102,SQ201", "next() leaves *pos alone at the end of 300 records", "eof_long_ops", "dd if=eof_stuck_long bs=8100 skip=1")
SEQBUG(stuck, BUG, "SQ101,SQ102,SQ201", "next() never advances *pos", "stuck_ops", "dd if=stuck bs=8100 skip=1")
SEQBUG(first_stuck, BUG, "SQ101,SQ201", "next() does not advance *pos for records that print nothing", "first_stuck_ops", "dd if=first_stuck bs=27")
SEQBUG(header_stuck, BUG, "SQ101,SQ104,SQ202", "next() does not advance *pos from the header", "header_stuck_ops", "cat header_stuck | head -n 4")
SEQBUG(back, BUG, "SQ103,SQ201", "next() moves back to a position that is taken", "back_ops", "dd if=back bs=27 count=300")
SEQBUG(early, BUG, "SQ104,SQ201", "start() resumes one record early", "early_ops", "cat early | uniq -d")
SEQBUG(late, BUG, "SQ104,SQ202", "start() resumes one record late", "late_ops", "dd if=late bs=27")
SEQBUG(rewind, BUG, "SQ104,SQ201", "start() ignores *pos and begins again", "rewind_ops", "cat rewind | grep -c 000")
SEQBUG(header_forgotten, BUG, "SQ104,SQ202", "start() forgets the header when it resumes", "header_forgotten_ops", "dd if=header_forgotten bs=27")
SEQBUG(header_again, BUG, "SQ205,SQ104,SQ202", "start() begins every read with the header", "header_again_ops", "dd if=header_again bs=28")
SEQBUG(ordinal, BUG, "SQ104,SQ202", "the position is an ordinal in a list that shrinks", "ordinal_ops", "dd if=ordinal bs=27")
SEQBUG(uaf_sim, BUG, "SQ104,SQ202", "the record under the cursor is freed between reads", "uaf_sim_ops", "cat uaf_sim")
SEQBUG(shared_cursor, BUG, "SQ601", "all readers share one cursor", "shared_cursor_ops", "exec 3<shared_cursor 4<shared_cursor; for i in 3 4 3 4; do dd bs=27 count=1 <&$i; done")
SEQBUG(side_effects, BUG, "SQ204", "show() advances a cursor of its own", "side_effects_ops", "cat side_effects | wc -l")
SEQBUG(stale, BUG, "SQ204", "start() leaves a part of its iterator uninitialised when it resumes", "stale_ops", "dd if=stale bs=27")
SEQBUG(ipc_holes, BUG, "SQ201", "next() counts the slots of a hole it has jumped", "ipc_ops", "cat ipc_holes | uniq -d")
SEQBUG(no_eof, BUG, "SQ105,SQ201", "start() never returns NULL", "no_eof_ops", "cat no_eof | tail -n 3")
SEQBUG(stop_output, BUG, "SQ303", "stop() prints a footer", "stop_output_ops", "cat stop_output | grep -n end")
SEQBUG(show_fails, BUG, "SQ304", "show() fails in the middle of the file", "show_fails_ops", "cat show_fails")
SEQBUG(next_fails, BUG, "SQ304", "next() fails and the reader takes it for the end", "next_fails_ops", "cat next_fails | wc -l")
SEQBUG(skip_all, BUG, "SQ302", "show() returns the number of bytes it printed", "skip_all_ops", "cat skip_all")
SEQBUG(overflow_negative, BUG, "SQ302", "show() returns -1 when its record did not fit", "overflow_negative_ops", "cat overflow_negative")
SEQBUG(single_leak, BUG, "SQ401", "single_open() with seq_release()", "-", "-")
SEQBUG(private_leak, BUG, "SQ402", "seq_open_private() with seq_release()", "private_leak_ops", "-")
SEQBUG(never_released, BUG, "SQ403", "no release at all", "never_released_ops", "-")
SEQBUG(ok_large, OK, "-", "records larger than the buffer", "ok_large_ops", "cat ok_large")
SEQBUG(ok_skip, OK, "-", "show() returns SEQ_SKIP for every third record", "ok_skip_ops", "cat ok_skip")
SEQBUG(ok_empty, OK, "-", "records that print nothing", "ok_empty_ops", "cat ok_empty")
SEQBUG(ok_one_pointer, OK, "-", "one pointer for all records, a cursor for each open", "ok_one_pointer_ops", "cat ok_one_pointer")
SEQBUG(ok_index_ptr, OK, "-", "the pointer is &m->index", "ok_index_ptr_ops", "cat ok_index_ptr")
SEQBUG(ok_same_text, OK, "-", "the same text for all records", "ok_same_text_ops", "cat ok_same_text")
SEQBUG(ok_linked_twice, OK, "-", "one record linked twice", "ok_linked_twice_ops", "cat ok_linked_twice")
SEQBUG(ok_alloc, OK, "-", "an iterator allocated for each pass", "ok_alloc_ops", "cat ok_alloc")
SEQBUG(ok_jump, OK, "-", "positions are sparse keys, start() rounds up", "ok_jump_ops", "cat ok_jump")
SEQBUG(ok_negative, OK, "-", "positions with bit 63 set", "ok_negative_ops", "cat ok_negative")
SEQBUG(ok_token, OK, "-", "a header at position 0", "ok_token_ops", "cat ok_token")
SEQBUG(ok_footer, OK, "-", "a footer that is a record", "ok_footer_ops", "cat ok_footer")
SEQBUG(ok_nested, OK, "-", "start() calls next() with a position of its own", "ok_nested_ops", "cat ok_nested")
SEQBUG(ok_volatile, OK, "-", "the list really changes between reads", "ok_volatile_ops", "cat ok_volatile")
SEQBUG(ok_single, OK, "-", "single_open() with single_release()", "-", "cat ok_single")
SEQBUG(ok_private, OK, "-", "seq_open_private() with seq_release_private()", "ok_private_ops", "cat ok_private")
SEQBUG(ok_private_kfree, OK, "-", "seq_open_private() and a release that frees it itself", "ok_private_kfree_ops", "cat ok_private_kfree")
SEQBUG(ok_no_lseek, OK, "-", "read() without lseek()", "ok_no_lseek_ops", "cat ok_no_lseek")
