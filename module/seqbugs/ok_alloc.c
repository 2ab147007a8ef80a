// SPDX-License-Identifier: GPL-2.0
/*
 * An iterator that start() allocates and stop(), or next() at the end, frees. Each
 * pass has another pointer for its records, or, if the allocator reuses memory,
 * the pointer that an earlier pass had for other records.
 *
 * Looks like: start() resuming with another record, a record emitted twice.
 * seqtrace reports: none.
 */

#include <linux/err.h>
#include <linux/slab.h>

#include "seqbugs.h"

struct ok_alloc {
	int id;
};

static void *ok_alloc_start(struct seq_file *m, loff_t *pos)
{
	struct ok_alloc *it;

	if (*pos >= SEQBUGS_RECORDS)
		return NULL;
	it = kmalloc(sizeof(*it), GFP_KERNEL);
	if (!it)
		return ERR_PTR(-ENOMEM);
	it->id = *pos;
	return it;
}

static void *ok_alloc_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct ok_alloc *it = v;

	++*pos;
	if (++it->id < SEQBUGS_RECORDS)
		return it;
	kfree(it);
	return NULL;
}

static void ok_alloc_stop(struct seq_file *m, void *v)
{
	if (!IS_ERR(v))
		kfree(v);
}

static int ok_alloc_show(struct seq_file *m, void *v)
{
	struct ok_alloc *it = v;

	seqbugs_print(m, it->id);
	return 0;
}

static const struct seq_operations ok_alloc_ops = {
	.start	= ok_alloc_start,
	.next	= ok_alloc_next,
	.stop	= ok_alloc_stop,
	.show	= ok_alloc_show,
};

const struct seqbugs_file seqbugs_ok_alloc = { .ops = &ok_alloc_ops };
