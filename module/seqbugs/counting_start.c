// SPDX-License-Identifier: GPL-2.0
/*
 * start() counts the passes, and each record's text has the count. The number of
 * passes depends on the reader's block size and on the core.
 *
 *   # cat counting_start; cat counting_start     other numbers
 *
 * Looks like: ok_counts_reads, which counts calls of readers.
 * seqtrace reports: check: SQ306, start().
 * The fix: start() does not change the data that show() shows.
 */

#include <linux/atomic.h>

#include "seqbugs.h"

static atomic_t counting_start_passes;

static void *counting_start_start(struct seq_file *m, loff_t *pos)
{
	atomic_inc(&counting_start_passes);	/* the bug */
	return seqbugs_rec(*pos);
}

static void *counting_start_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void counting_start_stop(struct seq_file *m, void *v)
{
}

static int counting_start_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seq_printf(m, "record %03d pass %010u\n", rec->id,
		   atomic_read(&counting_start_passes));
	return 0;
}

static const struct seq_operations counting_start_ops = {
	.start	= counting_start_start,
	.next	= counting_start_next,
	.stop	= counting_start_stop,
	.show	= counting_start_show,
};

static void *counting_start_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static int counting_start_fixed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations counting_start_fixed_ops = {
	.start	= counting_start_fixed_start,
	.next	= counting_start_next,
	.stop	= counting_start_stop,
	.show	= counting_start_fixed_show,
};

static const struct seqbugs_file counting_start_fixed = { .ops = &counting_start_fixed_ops };

const struct seqbugs_file seqbugs_counting_start = {
	.ops	= &counting_start_ops,
	.fixed	= &counting_start_fixed,
};
