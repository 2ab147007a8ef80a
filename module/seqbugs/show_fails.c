// SPDX-License-Identifier: GPL-2.0
/*
 * show() fails for record 150. The core drops that error if it has bytes to
 * deliver, and the reader gets it with its next read; the records after 150 cannot
 * be reached at all.
 *
 *   # cat show_fails                 150 records, then an I/O error
 *
 * seqtrace reports: SQ304.
 * The fix: operations that can fail are done before the first record, and show()
 * prints their result.
 */

#include "seqbugs.h"

static void *show_fails_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *show_fails_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void show_fails_stop(struct seq_file *m, void *v)
{
}

static int show_fails_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec->id == 150)
		return -EIO;
	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations show_fails_ops = {
	.start	= show_fails_start,
	.next	= show_fails_next,
	.stop	= show_fails_stop,
	.show	= show_fails_show,
};

static int show_fails_fixed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec->id == 150)
		seq_printf(m, "record %03d not available   \n", rec->id);
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations show_fails_fixed_ops = {
	.start	= show_fails_start,
	.next	= show_fails_next,
	.stop	= show_fails_stop,
	.show	= show_fails_fixed_show,
};

static const struct seqbugs_file show_fails_fixed = { .ops = &show_fails_fixed_ops };

const struct seqbugs_file seqbugs_show_fails = {
	.ops	= &show_fails_ops,
	.fixed	= &show_fails_fixed,
};
