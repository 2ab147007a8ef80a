// SPDX-License-Identifier: GPL-2.0
/*
 * Every third record prints nothing, including the first, and so do the last
 * thirty: show() returns 0 and the core goes on to the next record.
 *
 * Looks like: records lost; first_stuck.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static void *ok_empty_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_empty_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_empty_stop(struct seq_file *m, void *v)
{
}

static int ok_empty_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec->id % 3 && rec->id < SEQBUGS_RECORDS - 30)
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_empty_ops = {
	.start	= ok_empty_start,
	.next	= ok_empty_next,
	.stop	= ok_empty_stop,
	.show	= ok_empty_show,
};

const struct seqbugs_file seqbugs_ok_empty = { .ops = &ok_empty_ops };
