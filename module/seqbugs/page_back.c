// SPDX-License-Identifier: GPL-2.0
/*
 * end_back with three hundred records: start() begins at 0 only. For every other
 * position it returns NULL and sets *pos back to 0. The file ends with its first
 * buffer, and a read after the end begins the file again.
 *
 *   # cat page_back                  records 0 to 150, and the end
 *   # dd if=page_back bs=27          record 0
 *   # { cat; cat; } < page_back      records 0 to 150, twice
 *
 * Looks like: ok_end_key, whose start() moves *pos forward at the end.
 * seqtrace reports: SQ104 (start() returned NULL where next() had returned a
 * record, and set *pos back), SQ202 for that record, SQ201 for the records emitted
 * again.
 * The fix: start() derives the record from *pos and does not change *pos.
 */

#include "seqbugs.h"

static void *page_back_start(struct seq_file *m, loff_t *pos)
{
	if (*pos == 0)
		return seqbugs_rec(0);
	*pos = 0;		/* the bug: *pos is the position of a record */
	return NULL;
}

static void *page_back_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void page_back_stop(struct seq_file *m, void *v)
{
}

static int page_back_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations page_back_ops = {
	.start	= page_back_start,
	.next	= page_back_next,
	.stop	= page_back_stop,
	.show	= page_back_show,
};

static void *page_back_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static const struct seq_operations page_back_fixed_ops = {
	.start	= page_back_fixed_start,
	.next	= page_back_next,
	.stop	= page_back_stop,
	.show	= page_back_show,
};

static const struct seqbugs_file page_back_fixed = { .ops = &page_back_fixed_ops };

const struct seqbugs_file seqbugs_page_back = {
	.ops	= &page_back_ops,
	.fixed	= &page_back_fixed,
};
