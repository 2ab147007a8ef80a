// SPDX-License-Identifier: GPL-2.0
/*
 * seq_open_private() and a release of the file's own that frees m->private before
 * it calls seq_release(): nothing is leaked.
 *
 * Looks like: private_leak.
 * seqtrace reports: none.
 */

#include <linux/slab.h>

#include "seqbugs.h"

struct ok_private_kfree {
	int passes;
};

static void *ok_private_kfree_start(struct seq_file *m, loff_t *pos)
{
	struct ok_private_kfree *reader = m->private;

	reader->passes++;
	return seqbugs_rec(*pos);
}

static void *ok_private_kfree_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_private_kfree_stop(struct seq_file *m, void *v)
{
}

static int ok_private_kfree_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_private_kfree_ops = {
	.start	= ok_private_kfree_start,
	.next	= ok_private_kfree_next,
	.stop	= ok_private_kfree_stop,
	.show	= ok_private_kfree_show,
};

static int ok_private_kfree_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kfree(m->private);
	m->private = NULL;
	return seq_release(inode, file);
}

static int ok_private_kfree_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct ok_private_kfree));
}

const struct seqbugs_file seqbugs_ok_private_kfree = {
	.ops		= &ok_private_kfree_ops,
	.open		= ok_private_kfree_open,
	.release	= ok_private_kfree_release,
};
