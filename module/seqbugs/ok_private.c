// SPDX-License-Identifier: GPL-2.0
/*
 * seq_open_private() with seq_release_private().
 *
 * Looks like: private_leak.
 * seqtrace says: none.
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

static int ok_private_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &ok_private_ops, sizeof(struct ok_private));
}

static const struct proc_ops ok_private_proc_ops = {
	.proc_open	= ok_private_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release_private,
};

const struct seqbugs_file seqbugs_ok_private = { .proc_ops = &ok_private_proc_ops };
