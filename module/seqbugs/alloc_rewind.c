// SPDX-License-Identifier: GPL-2.0
/*
 * start() allocates an iterator for each pass and begins at the first record,
 * whatever *pos is. The pointers of the passes differ, so only the text shows
 * the bug.
 *
 *   # cat alloc_rewind               records 0 to 150, and 0 to 148
 *   # dd if=alloc_rewind bs=27       record 0, three hundred times
 *
 * Looks like: ok_alloc, whose iterator begins at *pos.
 * seqtrace reports: SQ104, by the text of the records.
 * The fix: start() sets the iterator from *pos.
 */

#include <linux/err.h>
#include <linux/slab.h>

#include "seqbugs.h"

struct alloc_rewind {
	struct seqbugs_rec *at;
};

static void *alloc_rewind_begin(loff_t nr)
{
	struct alloc_rewind *it = kmalloc(sizeof(*it), GFP_KERNEL);

	if (!it)
		return ERR_PTR(-ENOMEM);
	it->at = seqbugs_rec(nr);
	return it;
}

static void *alloc_rewind_start(struct seq_file *m, loff_t *pos)
{
	if (*pos >= SEQBUGS_RECORDS)
		return NULL;
	return alloc_rewind_begin(0);	/* the bug: *pos */
}

static void *alloc_rewind_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct alloc_rewind *it = v;

	++*pos;
	it->at = seqbugs_rec_after(it->at);
	if (*pos < SEQBUGS_RECORDS)
		return it;
	kfree(it);
	return NULL;
}

static void alloc_rewind_stop(struct seq_file *m, void *v)
{
	if (!IS_ERR(v))
		kfree(v);
}

static int alloc_rewind_show(struct seq_file *m, void *v)
{
	struct alloc_rewind *it = v;

	seqbugs_print(m, it->at->id);
	return 0;
}

static const struct seq_operations alloc_rewind_ops = {
	.start	= alloc_rewind_start,
	.next	= alloc_rewind_next,
	.stop	= alloc_rewind_stop,
	.show	= alloc_rewind_show,
};

static void *alloc_rewind_fixed_start(struct seq_file *m, loff_t *pos)
{
	if (*pos >= SEQBUGS_RECORDS)
		return NULL;
	return alloc_rewind_begin(*pos);
}

static const struct seq_operations alloc_rewind_fixed_ops = {
	.start	= alloc_rewind_fixed_start,
	.next	= alloc_rewind_next,
	.stop	= alloc_rewind_stop,
	.show	= alloc_rewind_show,
};

static const struct seqbugs_file alloc_rewind_fixed = { .ops = &alloc_rewind_fixed_ops };

const struct seqbugs_file seqbugs_alloc_rewind = {
	.ops	= &alloc_rewind_ops,
	.fixed	= &alloc_rewind_fixed,
};
