// SPDX-License-Identifier: GPL-2.0
/*
 * start() resumes one record too late: it treats *pos as the record that was shown
 * last and moves on from it, so each read but the first loses a record.
 *
 *   # cat late                       record 151 is missing
 *   # dd if=late bs=27               every other record is missing
 *
 * seqtrace reports: SQ104 (ahead), and SQ202 for each record lost.
 * The fix: start() derives the record from *pos, with the arithmetic of next().
 *
 * In the kernel: 2d4ecb030dcc (cgroup.procs printed 2, 4, 6 for dd bs=1).
 */

#include "seqbugs.h"

static void *late_start(struct seq_file *m, loff_t *pos)
{
	/* The bug: *pos is the record to show next, not the one shown last. */
	return seqbugs_rec(*pos ? *pos + 1 : 0);
}

static void *late_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *rec = v;

	*pos = rec->id + 1;
	return seqbugs_rec_after(rec);
}

static void late_stop(struct seq_file *m, void *v)
{
}

static int late_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations late_ops = {
	.start	= late_start,
	.next	= late_next,
	.stop	= late_stop,
	.show	= late_show,
};

static void *late_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static const struct seq_operations late_fixed_ops = {
	.start	= late_fixed_start,
	.next	= late_next,
	.stop	= late_stop,
	.show	= late_show,
};

static const struct seqbugs_file late_fixed = { .ops = &late_fixed_ops };

const struct seqbugs_file seqbugs_late = {
	.ops	= &late_ops,
	.fixed	= &late_fixed,
};
