// SPDX-License-Identifier: GPL-2.0
/*
 * next() does not advance *pos when it returns NULL: the most common bug, which
 * emits the last record twice.
 *
 *   # cat eof_stuck                  0 1 2: right, because the core adds 1 itself
 *   # dd if=eof_stuck bs=6 skip=1    2: nothing should be after byte 6
 *
 * The core repairs *pos only in the loop that fills its buffer ("buggy .next
 * function eof_next did not update position index" in the log). A traversal, for
 * lseek() or pread(), does not repair it and leaves the position at the last
 * record, with which the read after the end then begins.
 *
 * seqtrace reports: SQ102, and SQ201 for the read after the end.
 * The fix: next() advances *pos before it looks for another record.
 *
 * In the kernel: 8d269a8e2a8f (sel_avc_get_stat_idx), 6722b23e7a2a (trigger_next),
 * swap_next of /proc/swaps and about thirty more, fixed in 2020.
 */

#include "seqbugs.h"

#define EOF_RECORDS 3

static struct seqbugs_rec *eof_rec(loff_t nr)
{
	return nr < EOF_RECORDS ? seqbugs_rec(nr) : NULL;
}

static void *eof_start(struct seq_file *m, loff_t *pos)
{
	return eof_rec(*pos);
}

static void *eof_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *rec = v;

	if (rec->id == EOF_RECORDS - 1)
		return NULL;		/* the bug: no ++*pos */
	++*pos;
	return seqbugs_rec_after(rec);
}

static void eof_stop(struct seq_file *m, void *v)
{
}

/* Two bytes. */
static int eof_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seq_printf(m, "%d\n", rec->id);
	return 0;
}

static const struct seq_operations eof_ops = {
	.start	= eof_start,
	.next	= eof_next,
	.stop	= eof_stop,
	.show	= eof_show,
};

static void *eof_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return eof_rec(*pos);
}

static const struct seq_operations eof_fixed_ops = {
	.start	= eof_start,
	.next	= eof_fixed_next,
	.stop	= eof_stop,
	.show	= eof_show,
};

static const struct seqbugs_file eof_fixed = { .ops = &eof_fixed_ops };

const struct seqbugs_file seqbugs_eof_stuck = {
	.ops	= &eof_ops,
	.fixed	= &eof_fixed,
};
