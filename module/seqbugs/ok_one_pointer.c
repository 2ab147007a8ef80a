// SPDX-License-Identifier: GPL-2.0
/*
 * One pointer for all records: the iterator is a cursor that belongs to the open,
 * and start() sets it from *pos in each pass.
 *
 * Looks like: next() returning the record that it got (ipc_holes), a cursor that
 * is shared (shared_cursor).
 * seqtrace reports: none.
 */

#include "seqbugs.h"

struct ok_one_pointer {
	int id;
};

static void *ok_one_pointer_start(struct seq_file *m, loff_t *pos)
{
	struct ok_one_pointer *cursor = m->private;

	if (*pos >= SEQBUGS_RECORDS)
		return NULL;
	cursor->id = *pos;
	return cursor;
}

static void *ok_one_pointer_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct ok_one_pointer *cursor = v;

	++*pos;
	return ++cursor->id < SEQBUGS_RECORDS ? cursor : NULL;
}

static void ok_one_pointer_stop(struct seq_file *m, void *v)
{
}

static int ok_one_pointer_show(struct seq_file *m, void *v)
{
	struct ok_one_pointer *cursor = v;

	seqbugs_print(m, cursor->id);
	return 0;
}

static const struct seq_operations ok_one_pointer_ops = {
	.start	= ok_one_pointer_start,
	.next	= ok_one_pointer_next,
	.stop	= ok_one_pointer_stop,
	.show	= ok_one_pointer_show,
};

static int ok_one_pointer_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct ok_one_pointer));
}

const struct seqbugs_file seqbugs_ok_one_pointer = {
	.ops		= &ok_one_pointer_ops,
	.open		= ok_one_pointer_open,
	.release	= seq_release_private,
};
