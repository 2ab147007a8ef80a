// SPDX-License-Identifier: GPL-2.0
/*
 * next() fails after record 149, and start() finds nothing there: the core drops
 * the error, the next read returns the end of the file, and the reader takes half
 * of the records for all.
 *
 *   # cat next_fails                 150 records and no error
 *
 * seqtrace reports: SQ304.
 * The fix: operations that can fail are done in open(), which can return the
 * error. Here they do not fail, and start() and next() have all records.
 */

#include <linux/err.h>

#include "seqbugs.h"

#define NEXT_FAILS_AT 150

static void *next_fails_start(struct seq_file *m, loff_t *pos)
{
	return *pos < NEXT_FAILS_AT ? seqbugs_rec(*pos) : NULL;
}

static void *next_fails_next(struct seq_file *m, void *v, loff_t *pos)
{
	if (++*pos == NEXT_FAILS_AT)
		return ERR_PTR(-EIO);
	return seqbugs_rec_after(v);
}

static void next_fails_stop(struct seq_file *m, void *v)
{
}

static int next_fails_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations next_fails_ops = {
	.start	= next_fails_start,
	.next	= next_fails_next,
	.stop	= next_fails_stop,
	.show	= next_fails_show,
};

static void *next_fails_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *next_fails_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static const struct seq_operations next_fails_fixed_ops = {
	.start	= next_fails_fixed_start,
	.next	= next_fails_fixed_next,
	.stop	= next_fails_stop,
	.show	= next_fails_show,
};

static const struct seqbugs_file next_fails_fixed = { .ops = &next_fails_fixed_ops };

const struct seqbugs_file seqbugs_next_fails = {
	.ops	= &next_fails_ops,
	.fixed	= &next_fails_fixed,
};
