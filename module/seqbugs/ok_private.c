// SPDX-License-Identifier: GPL-2.0
/*
 * seq_open_private() with seq_release_private().
 *
 * Looks like: private_leak.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

struct ok_private {
	int passes;
};

static void *ok_private_start(struct seq_file *m, loff_t *pos)
{
	struct ok_private *reader = m->private;

	reader->passes++;
	return seqbugs_rec(*pos);
}

static void *ok_private_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_private_stop(struct seq_file *m, void *v)
{
}

static int ok_private_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_private_ops = {
	.start	= ok_private_start,
	.next	= ok_private_next,
	.stop	= ok_private_stop,
	.show	= ok_private_show,
};

static int ok_private_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct ok_private));
}

const struct seqbugs_file seqbugs_ok_private = {
	.ops		= &ok_private_ops,
	.open		= ok_private_open,
	.release	= seq_release_private,
};
