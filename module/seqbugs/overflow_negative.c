// SPDX-License-Identifier: GPL-2.0
/*
 * show() returns -1 when its record did not fit, as seq_printf() once did. In the
 * middle of a buffer this does no harm; but record 10 is larger than an empty
 * buffer, and because of the error the core does not enlarge it.
 *
 *   # cat overflow_negative          ten records, then "Operation not permitted"
 *
 * Looks like: ok_large, which leaves the overflow to the core.
 * seqtrace reports: SQ302.
 * The fix: show() returns 0 and does not test for an overflow.
 *
 * In the kernel: wherever show() returned the value of seq_printf(), until a
 * series of 2014 removed the return values.
 */

#include "seqbugs.h"

static void *overflow_negative_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *overflow_negative_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void overflow_negative_stop(struct seq_file *m, void *v)
{
}

static void overflow_negative_print(struct seq_file *m, struct seqbugs_rec *rec)
{
	int i;

	seqbugs_print(m, rec->id);
	if (rec->id == 10) {
		for (i = 0; i < 500; i++)
			seq_printf(m, "%09d\n", i);
	}
}

static int overflow_negative_show(struct seq_file *m, void *v)
{
	overflow_negative_print(m, v);
	return seq_has_overflowed(m) ? -1 : 0;	/* the bug: 0 */
}

static const struct seq_operations overflow_negative_ops = {
	.start	= overflow_negative_start,
	.next	= overflow_negative_next,
	.stop	= overflow_negative_stop,
	.show	= overflow_negative_show,
};

static int overflow_negative_fixed_show(struct seq_file *m, void *v)
{
	overflow_negative_print(m, v);
	return 0;
}

static const struct seq_operations overflow_negative_fixed_ops = {
	.start	= overflow_negative_start,
	.next	= overflow_negative_next,
	.stop	= overflow_negative_stop,
	.show	= overflow_negative_fixed_show,
};

static const struct seqbugs_file overflow_negative_fixed = { .ops = &overflow_negative_fixed_ops };

const struct seqbugs_file seqbugs_overflow_negative = {
	.ops	= &overflow_negative_ops,
	.fixed	= &overflow_negative_fixed,
};
