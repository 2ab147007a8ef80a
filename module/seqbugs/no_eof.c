// SPDX-License-Identifier: GPL-2.0
/*
 * start() never returns NULL: after the last record it returns the last record
 * again. A NULL from next() ends a read and not the file, so the reader gets the
 * last record forever. Here it gets it a thousand times, so that cat ends.
 *
 *   # cat no_eof | tail -n 1000      record 299
 *
 * seqtrace reports: SQ105, and SQ201 for the last record emitted again.
 * The fix: start() returns NULL for every position after the last record.
 *
 * In the kernel: a slub debugfs file printed "No data" without end in 2021.
 */

#include "seqbugs.h"

/* Limits the output: the bug itself has no end. */
#define NO_EOF_LIMIT (SEQBUGS_RECORDS + 1000)

static void *no_eof_start(struct seq_file *m, loff_t *pos)
{
	if (*pos >= NO_EOF_LIMIT)
		return NULL;
	return seqbugs_rec(min_t(loff_t, *pos, SEQBUGS_RECORDS - 1)); /* the bug */
}

static void *no_eof_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void no_eof_stop(struct seq_file *m, void *v)
{
}

static int no_eof_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations no_eof_ops = {
	.start	= no_eof_start,
	.next	= no_eof_next,
	.stop	= no_eof_stop,
	.show	= no_eof_show,
};

static void *no_eof_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static const struct seq_operations no_eof_fixed_ops = {
	.start	= no_eof_fixed_start,
	.next	= no_eof_next,
	.stop	= no_eof_stop,
	.show	= no_eof_show,
};

static const struct seqbugs_file no_eof_fixed = { .ops = &no_eof_fixed_ops };

const struct seqbugs_file seqbugs_no_eof = {
	.ops	= &no_eof_ops,
	.fixed	= &no_eof_fixed,
};
