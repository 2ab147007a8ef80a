// SPDX-License-Identifier: GPL-2.0
/*
 * start() can reach a record only by walking to it, with its own next() and a
 * position variable of its own.
 *
 * Looks like: calls of next() inside start(), with a position that is not the
 * seq_file's and starts at 0 in each pass.
 * seqtrace reports: none.
 *
 * In the kernel: s_start() of the tracing files.
 */

#include "seqbugs.h"

static noinline void *ok_nested_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void *ok_nested_start(struct seq_file *m, loff_t *pos)
{
	void *v = seqbugs_rec(0);
	loff_t l = 0;

	while (v && l < *pos)
		v = ok_nested_next(m, v, &l);
	return v;
}

static void ok_nested_stop(struct seq_file *m, void *v)
{
}

static int ok_nested_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_nested_ops = {
	.start	= ok_nested_start,
	.next	= ok_nested_next,
	.stop	= ok_nested_stop,
	.show	= ok_nested_show,
};

const struct seqbugs_file seqbugs_ok_nested = { .ops = &ok_nested_ops };
