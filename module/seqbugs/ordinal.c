// SPDX-License-Identifier: GPL-2.0
/*
 * The position is an index in a list from which records are removed. If a record
 * is removed that was shown already, all records after it move up, and the next
 * read resumes one record too far. Here stop() acts as the other task and removes
 * the first record of the list whenever a read ends in its middle. A reader that
 * begins at 0 finds all records again.
 *
 *   # cat ordinal                    record 151 is missing: it moved up
 *   # dd if=ordinal bs=27            every other record is missing
 *
 * Looks like: ok_volatile, whose positions do not move.
 * seqtrace reports: SQ104 (ahead: "the list changed, or start() is wrong") and
 * SQ202 for a record that next() had returned and that still exists.
 * The fix: the position is the number of a record, which does not change when
 * others are removed; start() rounds up to the first record that exists.
 *
 * In the kernel: /proc/mounts lost mounts when others were removed, until it got a
 * cursor ("proc/mounts: add cursor").
 */

#include "seqbugs.h"

struct ordinal {
	int first;	/* index of the first record that exists */
};

static void *ordinal_start(struct seq_file *m, loff_t *pos)
{
	struct ordinal *list = m->private;

	if (*pos == 0)
		list->first = 0;	/* all records exist again */
	return seqbugs_rec(list->first + *pos);
}

static void *ordinal_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;		/* the bug: an index in the list, not a record */
	return seqbugs_rec_after(v);
}

/* Acts as another task that gets the lock and removes a record. */
static void ordinal_stop(struct seq_file *m, void *v)
{
	struct ordinal *list = m->private;

	if (v)
		list->first++;
}

static int ordinal_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ordinal_ops = {
	.start	= ordinal_start,
	.next	= ordinal_next,
	.stop	= ordinal_stop,
	.show	= ordinal_show,
};

static int ordinal_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct ordinal));
}

static void *ordinal_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct ordinal *list = m->private;

	if (*pos == 0)
		list->first = 0;
	*pos = max_t(loff_t, *pos, list->first);
	return seqbugs_rec(*pos);
}

static const struct seq_operations ordinal_fixed_ops = {
	.start	= ordinal_fixed_start,
	.next	= ordinal_next,
	.stop	= ordinal_stop,
	.show	= ordinal_show,
};

static const struct seqbugs_file ordinal_fixed = {
	.ops		= &ordinal_fixed_ops,
	.open		= ordinal_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_ordinal = {
	.ops		= &ordinal_ops,
	.open		= ordinal_open,
	.release	= seq_release_private,
	.fixed		= &ordinal_fixed,
};
