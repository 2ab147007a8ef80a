// SPDX-License-Identifier: GPL-2.0
/*
 * start() resumes one record too early: the first read that resumes begins with
 * the record that ended the previous read. From then on the position of each
 * record is one too high, consistently, so no further record is emitted twice.
 *
 *   # cat early                      record 150 twice, around byte 4077
 *   # dd if=early bs=27              record 0 twice
 *   # dd if=early bs=8100 skip=1     record 299, after the end
 *
 * seqtrace reports: SQ104 (rewound), and SQ201 for the record emitted again.
 * The fix: start() derives the record from *pos, with the arithmetic of next().
 */

#include "seqbugs.h"

static void *early_start(struct seq_file *m, loff_t *pos)
{
	/* The bug: next() has already counted *pos up to this record. */
	return seqbugs_rec(*pos ? *pos - 1 : 0);
}

static void *early_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void early_stop(struct seq_file *m, void *v)
{
}

static int early_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations early_ops = {
	.start	= early_start,
	.next	= early_next,
	.stop	= early_stop,
	.show	= early_show,
};

static void *early_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static const struct seq_operations early_fixed_ops = {
	.start	= early_fixed_start,
	.next	= early_next,
	.stop	= early_stop,
	.show	= early_show,
};

static const struct seqbugs_file early_fixed = { .ops = &early_fixed_ops };

const struct seqbugs_file seqbugs_early = {
	.ops	= &early_ops,
	.fixed	= &early_fixed,
};
