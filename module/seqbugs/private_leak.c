// SPDX-License-Identifier: GPL-2.0
/*
 * seq_open_private() with seq_release(): each open leaks its private data.
 *
 * Looks like: ok_private, with seq_release_private(); ok_private_kfree, whose
 * release frees it.
 * seqtrace reports: SQ402.
 * The fix: seq_release_private().
 */

#include "seqbugs.h"

struct private_leak {
	int passes;
};

static void *private_leak_start(struct seq_file *m, loff_t *pos)
{
	struct private_leak *reader = m->private;

	reader->passes++;
	return seqbugs_rec(*pos);
}

static void *private_leak_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void private_leak_stop(struct seq_file *m, void *v)
{
}

static int private_leak_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations private_leak_ops = {
	.start	= private_leak_start,
	.next	= private_leak_next,
	.stop	= private_leak_stop,
	.show	= private_leak_show,
};

static int private_leak_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct private_leak));
}

static const struct seqbugs_file private_leak_fixed = {
	.ops		= &private_leak_ops,
	.open		= private_leak_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_private_leak = {
	.ops		= &private_leak_ops,
	.open		= private_leak_open,
	.release	= seq_release,	/* the bug: seq_release_private */
	.fixed		= &private_leak_fixed,
};
