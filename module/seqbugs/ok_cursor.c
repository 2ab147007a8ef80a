// SPDX-License-Identifier: GPL-2.0
/*
 * A cursor in m->private that saves start() the walk to the record: it is used
 * only if its position equals *pos, otherwise start() walks from the first record.
 *
 * Looks like: cursor_kept, cursor_not_reset.
 * seqtrace reports: none.
 *
 * In the kernel: /proc/net/tcp (tcp_seek_last_pos()).
 */

#include "seqbugs.h"

struct ok_cursor {
	struct seqbugs_rec *at;
	loff_t pos;
};

static void *ok_cursor_start(struct seq_file *m, loff_t *pos)
{
	struct ok_cursor *cursor = m->private;
	struct seqbugs_rec *rec = seqbugs_rec(0);

	if (cursor->at && cursor->pos == *pos)
		return cursor->at;
	for (cursor->pos = 0; rec && cursor->pos < *pos; cursor->pos++)
		rec = seqbugs_rec_after(rec);
	cursor->at = rec;
	return rec;
}

static void *ok_cursor_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct ok_cursor *cursor = m->private;

	cursor->at = seqbugs_rec_after(v);
	cursor->pos = ++*pos;
	return cursor->at;
}

static void ok_cursor_stop(struct seq_file *m, void *v)
{
}

static int ok_cursor_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_cursor_ops = {
	.start	= ok_cursor_start,
	.next	= ok_cursor_next,
	.stop	= ok_cursor_stop,
	.show	= ok_cursor_show,
};

static int ok_cursor_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct ok_cursor));
}

const struct seqbugs_file seqbugs_ok_cursor = {
	.ops		= &ok_cursor_ops,
	.open		= ok_cursor_open,
	.release	= seq_release_private,
};
