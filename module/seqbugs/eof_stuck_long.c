// SPDX-License-Identifier: GPL-2.0
/*
 * eof_stuck with three hundred records, so that a buffer overflows and a read
 * resumes before the end.
 *
 *   # dd if=eof_stuck_long bs=8100 skip=1    record 299, after the end
 *
 * seqtrace reports: SQ102, and SQ201 for the read after the end.
 * The fix: next() advances *pos before it looks for another record.
 *
 * In the kernel: 8d269a8e2a8f (sel_avc_get_stat_idx), 6722b23e7a2a (trigger_next),
 * swap_next of /proc/swaps and about thirty more, fixed in 2020.
 */

#include "seqbugs.h"

static void *eof_long_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *eof_long_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *next = seqbugs_rec_after(v);

	if (next)
		++*pos;			/* the bug: only if there is a next */
	return next;
}

static void eof_long_stop(struct seq_file *m, void *v)
{
}

static int eof_long_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations eof_long_ops = {
	.start	= eof_long_start,
	.next	= eof_long_next,
	.stop	= eof_long_stop,
	.show	= eof_long_show,
};

static void *eof_long_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static const struct seq_operations eof_long_fixed_ops = {
	.start	= eof_long_start,
	.next	= eof_long_fixed_next,
	.stop	= eof_long_stop,
	.show	= eof_long_show,
};

static const struct seqbugs_file eof_long_fixed = { .ops = &eof_long_fixed_ops };

const struct seqbugs_file seqbugs_eof_stuck_long = {
	.ops	= &eof_long_ops,
	.fixed	= &eof_long_fixed,
};
