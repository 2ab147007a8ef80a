// SPDX-License-Identifier: GPL-2.0
/*
 * An llseek of the file's own that rounds down to the beginning of a record and
 * returns that offset: lseek(fd, 30, SEEK_SET) returns 27. The reader asked for
 * byte 30 and reads byte 27. pread() does not call it and is right.
 *
 *   # dd if=lseek_rounds bs=30 skip=1 count=1    begins with "record 001"
 *
 * Looks like: ok_lseek, which returns the requested offset, or an error.
 * seqtrace reports: check: SQ107.
 * The fix: seq_lseek().
 */

#include <linux/math64.h>

#include "seqbugs.h"

static void *lseek_rounds_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *lseek_rounds_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void lseek_rounds_stop(struct seq_file *m, void *v)
{
}

static int lseek_rounds_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations lseek_rounds_ops = {
	.start	= lseek_rounds_start,
	.next	= lseek_rounds_next,
	.stop	= lseek_rounds_stop,
	.show	= lseek_rounds_show,
};

static loff_t lseek_rounds_llseek(struct file *file, loff_t offset, int whence)
{
	s32 beyond;

	if (whence == SEEK_CUR)
		offset += file->f_pos;
	else if (whence != SEEK_SET)
		return -EINVAL;
	if (offset < 0)
		return -EINVAL;
	div_s64_rem(offset, SEQBUGS_LINE, &beyond);
	return seq_lseek(file, offset - beyond, SEEK_SET);	/* the bug */
}

static const struct seqbugs_file lseek_rounds_fixed = { .ops = &lseek_rounds_ops };

const struct seqbugs_file seqbugs_lseek_rounds = {
	.ops	= &lseek_rounds_ops,
	.llseek	= lseek_rounds_llseek,
	.fixed	= &lseek_rounds_fixed,
};
