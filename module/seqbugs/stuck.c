// SPDX-License-Identifier: GPL-2.0
/*
 * next() never advances *pos: it moves on from the record that it gets, but
 * start() has only the position to resume from.
 *
 *   # cat stuck                      right, because the core adds 1 itself
 *   # dd if=stuck bs=8100 skip=1     the whole file, after its end
 *
 * The core repairs *pos in the loop that fills the buffer; a traversal does not
 * and leaves *pos at 0.
 *
 * seqtrace reports: SQ101, SQ102 for the last one, and SQ201 after a traversal.
 * The fix: next() always advances *pos.
 *
 * In the kernel: lockres_seq_next, nst_seq_next and sc_seq_next of ocfs2 still
 * have this bug in 6.12.
 */

#include "seqbugs.h"

static void *stuck_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *stuck_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seqbugs_rec_after(v);	/* the bug: no ++*pos */
}

static void stuck_stop(struct seq_file *m, void *v)
{
}

static int stuck_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations stuck_ops = {
	.start	= stuck_start,
	.next	= stuck_next,
	.stop	= stuck_stop,
	.show	= stuck_show,
};

static void *stuck_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static const struct seq_operations stuck_fixed_ops = {
	.start	= stuck_start,
	.next	= stuck_fixed_next,
	.stop	= stuck_stop,
	.show	= stuck_show,
};

static const struct seqbugs_file stuck_fixed = { .ops = &stuck_fixed_ops };

const struct seqbugs_file seqbugs_stuck = {
	.ops	= &stuck_ops,
	.fixed	= &stuck_fixed,
};
