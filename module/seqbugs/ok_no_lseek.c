// SPDX-License-Identifier: GPL-2.0
/*
 * read() and no lseek(): lseek() fails with ESPIPE, pread() still works.
 *
 * Looks like: an error.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static void *ok_no_lseek_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_no_lseek_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_no_lseek_stop(struct seq_file *m, void *v)
{
}

static int ok_no_lseek_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_no_lseek_ops = {
	.start	= ok_no_lseek_start,
	.next	= ok_no_lseek_next,
	.stop	= ok_no_lseek_stop,
	.show	= ok_no_lseek_show,
};

static int ok_no_lseek_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open(file, ops);
}

const struct seqbugs_file seqbugs_ok_no_lseek = {
	.ops		= &ok_no_lseek_ops,
	.open		= ok_no_lseek_open,
	.release	= seq_release,
	.unseekable	= true,
};
