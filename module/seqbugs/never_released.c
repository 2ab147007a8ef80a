// SPDX-License-Identifier: GPL-2.0
/*
 * No release at all: each open leaks the seq_file, and after a read also its
 * buffer.
 *
 *   # i=0; while [ $i -lt 1000 ]; do cat never_released >/dev/null; i=$((i+1)); done
 *
 * seqtrace reports: SQ403.
 * The fix: seq_release().
 *
 * In the kernel: drivers/net/wireless/rsi/rsi_91x_debugfs.c, still in 6.12.
 */

#include "seqbugs.h"

static void *never_released_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *never_released_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void never_released_stop(struct seq_file *m, void *v)
{
}

static int never_released_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations never_released_ops = {
	.start	= never_released_start,
	.next	= never_released_next,
	.stop	= never_released_stop,
	.show	= never_released_show,
};

static int never_released_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open(file, ops);
}

static const struct seqbugs_file never_released_fixed = {
	.ops		= &never_released_ops,
	.open		= never_released_open,
	.release	= seq_release,
};

/* The bug: no .release. */
const struct seqbugs_file seqbugs_never_released = {
	.ops		= &never_released_ops,
	.open		= never_released_open,
	.fixed		= &never_released_fixed,
};
