// SPDX-License-Identifier: GPL-2.0
/*
 * One record, at position 0. At the end, start() sets *pos back to 0 "for the
 * next reader". But *pos belongs to the open file, and the next read is another
 * read of the same reader. A reader with small blocks never sees the end: start()
 * reports the end when the last byte is read, and the next read begins again. The
 * record's text is the time, so it differs each time, which is not a bug.
 *
 *   # cat end_back                           right
 *   # dd if=end_back bs=1 count=1000         seventy lines
 *   # { cat; cat; } < end_back               two lines
 *
 * Looks like: ok_end_key, whose start() moves *pos forward at the end.
 * seqtrace reports: SQ105, start().
 * The fix: start() returns NULL after the record and does not change *pos.
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
