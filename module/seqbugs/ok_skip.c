// SPDX-License-Identifier: GPL-2.0
/*
 * Every third record is not meant for this reader: show() has already printed when
 * it finds out, and returns SEQ_SKIP. The core discards the text.
 *
 * Looks like: show() returning a positive number (skip_all), records lost.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static void *ok_skip_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_skip_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_skip_stop(struct seq_file *m, void *v)
{
}

static int ok_skip_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return rec->id % 3 == 1 ? SEQ_SKIP : 0;
}

static const struct seq_operations ok_skip_ops = {
	.start	= ok_skip_start,
	.next	= ok_skip_next,
	.stop	= ok_skip_stop,
	.show	= ok_skip_show,
};

const struct seqbugs_file seqbugs_ok_skip = { .ops = &ok_skip_ops };
