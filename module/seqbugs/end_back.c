// SPDX-License-Identifier: GPL-2.0
/*
 * One record. start() knows it by *pos being 0, and at the end it sets *pos back
 * to 0, "for the next reader": but *pos belongs to the open file, and the next
 * read is one more of the same reader. A reader in small blocks never sees the
 * end: start() says that there is no more as the last byte is read, and the read
 * behind it begins again. The record is the time, so that its text is another one
 * each time, which is nothing wrong.
 *
 *   # cat end_back                           right
 *   # dd if=end_back bs=1 count=1000         seventy lines
 *   # { cat; cat; } < end_back               two lines
 *
 * Looks like: ok_end_key, whose start() moves *pos at the end, forward.
 * seqtrace reports: SQ105, start().
 * The fix: start() returns NULL behind the record and leaves *pos alone.
 */

#include <linux/jiffies.h>

#include "seqbugs.h"

static void *end_back_start(struct seq_file *m, loff_t *pos)
{
	if (*pos == 0)
		return seqbugs_rec(0);
	*pos = 0;		/* the bug */
	return NULL;
}

static void *end_back_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return NULL;
}

static void end_back_stop(struct seq_file *m, void *v)
{
}

static int end_back_show(struct seq_file *m, void *v)
{
	seq_printf(m, "%010u ms\n", jiffies_to_msecs(jiffies));
	return 0;
}

static const struct seq_operations end_back_ops = {
	.start	= end_back_start,
	.next	= end_back_next,
	.stop	= end_back_stop,
	.show	= end_back_show,
};

static void *end_back_fixed_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? NULL : seqbugs_rec(0);
}

static const struct seq_operations end_back_fixed_ops = {
	.start	= end_back_fixed_start,
	.next	= end_back_next,
	.stop	= end_back_stop,
	.show	= end_back_show,
};

static const struct seqbugs_file end_back_fixed = { .ops = &end_back_fixed_ops };

const struct seqbugs_file seqbugs_end_back = {
	.ops	= &end_back_ops,
	.fixed	= &end_back_fixed,
};
