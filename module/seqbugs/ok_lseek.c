// SPDX-License-Identifier: GPL-2.0
/*
 * An llseek of the file's own that allows SEEK_SET and SEEK_CUR up to a megabyte,
 * and fails with EINVAL for anything else.
 *
 * Looks like: lseek_rounds.
 * seqtrace reports: none.
 */

#include <linux/sizes.h>

#include "seqbugs.h"

static void *ok_lseek_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_lseek_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_lseek_stop(struct seq_file *m, void *v)
{
}

static int ok_lseek_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_lseek_ops = {
	.start	= ok_lseek_start,
	.next	= ok_lseek_next,
	.stop	= ok_lseek_stop,
	.show	= ok_lseek_show,
};

static loff_t ok_lseek_llseek(struct file *file, loff_t offset, int whence)
{
	loff_t to = whence == SEEK_CUR ? file->f_pos + offset : offset;

	if (whence != SEEK_SET && whence != SEEK_CUR)
		return -EINVAL;
	if (to < 0 || to > SZ_1M)
		return -EINVAL;
	return seq_lseek(file, offset, whence);
}

const struct seqbugs_file seqbugs_ok_lseek = {
	.ops	= &ok_lseek_ops,
	.llseek	= ok_lseek_llseek,
};
