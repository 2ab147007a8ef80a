// SPDX-License-Identifier: GPL-2.0
/*
 * start() ignores *pos and begins with the first record again, in every read. Even
 * a file that fits into one buffer has no end. Here start() returns NULL from
 * position 3000 on, so that cat ends.
 *
 *   # cat rewind                     records 0 to 150, twenty times
 *
 * seqtrace reports: SQ104 (rewound), and SQ201 for the records emitted again.
 * The fix: start() derives the record from *pos, with the arithmetic of next().
 */

#include "seqbugs.h"

/* Limits the output: the bug itself has no end. */
#define REWIND_LIMIT 3000

static void *rewind_start(struct seq_file *m, loff_t *pos)
{
	return *pos < REWIND_LIMIT ? seqbugs_rec(0) : NULL;	/* the bug */
}

static void *rewind_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void rewind_stop(struct seq_file *m, void *v)
{
}

static int rewind_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations rewind_ops = {
	.start	= rewind_start,
	.next	= rewind_next,
	.stop	= rewind_stop,
	.show	= rewind_show,
};

static void *rewind_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static const struct seq_operations rewind_fixed_ops = {
	.start	= rewind_fixed_start,
	.next	= rewind_next,
	.stop	= rewind_stop,
	.show	= rewind_show,
};

static const struct seqbugs_file rewind_fixed = { .ops = &rewind_fixed_ops };

const struct seqbugs_file seqbugs_rewind = {
	.ops	= &rewind_ops,
	.fixed	= &rewind_fixed,
};
