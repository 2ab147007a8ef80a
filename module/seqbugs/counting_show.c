// SPDX-License-Identifier: GPL-2.0
/*
 * show() counts its calls and prints the count: the text changes with each
 * rendering, including renderings that the core discards, and not with time.
 *
 *   # cat counting_show; cat counting_show   other numbers in each line
 *
 * Looks like: ok_time, whose text changes without being read; ok_counts_reads and
 * ok_counts_opens, which count calls of readers and not of the core.
 * seqtrace reports: check: SQ306, show().
 * The fix: show() does not change the data that it shows.
 */

#include <linux/atomic.h>

#include "seqbugs.h"

static atomic_t counting_show_count;

static void *counting_show_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *counting_show_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void counting_show_stop(struct seq_file *m, void *v)
{
}

static int counting_show_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seq_printf(m, "record %03d shown %09u\n", rec->id,
		   atomic_inc_return(&counting_show_count));	/* the bug */
	return 0;
}

static const struct seq_operations counting_show_ops = {
	.start	= counting_show_start,
	.next	= counting_show_next,
	.stop	= counting_show_stop,
	.show	= counting_show_show,
};

static int counting_show_fixed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations counting_show_fixed_ops = {
	.start	= counting_show_start,
	.next	= counting_show_next,
	.stop	= counting_show_stop,
	.show	= counting_show_fixed_show,
};

static const struct seqbugs_file counting_show_fixed = { .ops = &counting_show_fixed_ops };

const struct seqbugs_file seqbugs_counting_show = {
	.ops	= &counting_show_ops,
	.fixed	= &counting_show_fixed,
};
