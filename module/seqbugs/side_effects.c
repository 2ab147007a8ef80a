// SPDX-License-Identifier: GPL-2.0
/*
 * show() moves: it prints the record its own cursor stands on and advances the
 * cursor. The core calls show() again for a record that did not fit, and the
 * record that was thrown away is never printed.
 *
 *   # cat side_effects               record 151 is missing
 *   # dd if=side_effects bs=27       all three hundred
 *
 * No position and no pointer is wrong: only the text tells.
 * seqtrace says: SQ204 (a rendering again that lost a record).
 *
 * In the kernel: /proc/net/dev once lost devices at the 4 KiB border like this.
 */

#include "seqbugs.h"

struct side_effects {
	int at;
};

static void *side_effects_start(struct seq_file *m, loff_t *pos)
{
	struct side_effects *cursor = m->private;

	if (*pos == 0)
		cursor->at = 0;
	return *pos < SEQBUGS_RECORDS ? cursor : NULL;
}

static void *side_effects_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ++*pos < SEQBUGS_RECORDS ? v : NULL;
}

static void side_effects_stop(struct seq_file *m, void *v)
{
}

static int side_effects_show(struct seq_file *m, void *v)
{
	struct side_effects *cursor = v;

	if (cursor->at < SEQBUGS_RECORDS)
		seqbugs_print(m, cursor->at++);		/* the bug: ++ */
	return 0;
}

static const struct seq_operations side_effects_ops = {
	.start	= side_effects_start,
	.next	= side_effects_next,
	.stop	= side_effects_stop,
	.show	= side_effects_show,
};

static int side_effects_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &side_effects_ops, sizeof(struct side_effects));
}

static const struct proc_ops side_effects_proc_ops = {
	.proc_open	= side_effects_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release_private,
};

const struct seqbugs_file seqbugs_side_effects = { .proc_ops = &side_effects_proc_ops };
