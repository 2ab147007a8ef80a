// SPDX-License-Identifier: GPL-2.0
/*
 * next() does not count records that print nothing. The core repairs that where
 * it fills its buffer, but not where it looks for the first record of a read, and
 * not in a traversal: there *pos is too low, and the next read begins with a
 * record that was already emitted.
 *
 *   # cat first_stuck                right
 *   # dd if=first_stuck bs=27        each record after a silent one twice
 *   # dd if=first_stuck bs=5400 skip=1    records, after the end
 *
 * Looks like: ok_empty, which counts them.
 * seqtrace reports: SQ101, and SQ201 for the records emitted again.
 * The fix: next() always advances *pos.
 */

#include "seqbugs.h"

static bool first_stuck_silent(const struct seqbugs_rec *rec)
{
	return rec->id % 3 == 1;
}

static void *first_stuck_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *first_stuck_next(struct seq_file *m, void *v, loff_t *pos)
{
	if (!first_stuck_silent(v))	/* the bug: always */
		++*pos;
	return seqbugs_rec_after(v);
}

static void first_stuck_stop(struct seq_file *m, void *v)
{
}

static int first_stuck_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (!first_stuck_silent(rec))
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations first_stuck_ops = {
	.start	= first_stuck_start,
	.next	= first_stuck_next,
	.stop	= first_stuck_stop,
	.show	= first_stuck_show,
};

static void *first_stuck_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static const struct seq_operations first_stuck_fixed_ops = {
	.start	= first_stuck_start,
	.next	= first_stuck_fixed_next,
	.stop	= first_stuck_stop,
	.show	= first_stuck_show,
};

static const struct seqbugs_file first_stuck_fixed = { .ops = &first_stuck_fixed_ops };

const struct seqbugs_file seqbugs_first_stuck = {
	.ops	= &first_stuck_ops,
	.fixed	= &first_stuck_fixed,
};
