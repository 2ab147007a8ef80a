// SPDX-License-Identifier: GPL-2.0
/*
 * start() ignores *pos: it copies the record at its cursor into m->private and
 * returns the copy, which has one address for all records. The text has the
 * uptime in seconds, so it also changes by itself.
 *
 *   # cat volatile_cursor            right
 *   # { dd bs=27 count=1 of=/dev/null; dd bs=27 skip=9 count=1; } < volatile_cursor
 *                                    record 11 instead of 10, by a seek
 *
 * Looks like: ok_time, which only changes; ok_one_pointer.
 * seqtrace reports: check: SQ204, start().
 * The fix: start() sets the cursor from *pos.
 *
 * In the kernel: debugfs ocfs2/UUID/locking_state (ocfs2_dlm_seq_start(),
 * fs/ocfs2/dlmglue.c).
 */

#include <linux/jiffies.h>

#include "seqbugs.h"

struct volatile_cursor {
	struct seqbugs_rec copy;
	int at;
};

static void *volatile_cursor_copy(struct volatile_cursor *cursor)
{
	struct seqbugs_rec *rec = seqbugs_rec(cursor->at);

	if (!rec)
		return NULL;
	cursor->copy = *rec;
	return &cursor->copy;
}

static void *volatile_cursor_start(struct seq_file *m, loff_t *pos)
{
	return volatile_cursor_copy(m->private);	/* the bug: at *pos */
}

static void *volatile_cursor_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct volatile_cursor *cursor = m->private;

	++*pos;
	cursor->at++;
	return volatile_cursor_copy(cursor);
}

static void volatile_cursor_stop(struct seq_file *m, void *v)
{
}

static int volatile_cursor_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seq_printf(m, "record %03d up %010lu s\n", rec->id, jiffies / HZ);
	return 0;
}

static const struct seq_operations volatile_cursor_ops = {
	.start	= volatile_cursor_start,
	.next	= volatile_cursor_next,
	.stop	= volatile_cursor_stop,
	.show	= volatile_cursor_show,
};

static int volatile_cursor_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct volatile_cursor));
}

static void *volatile_cursor_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct volatile_cursor *cursor = m->private;

	cursor->at = min_t(loff_t, *pos, SEQBUGS_RECORDS);
	return volatile_cursor_copy(cursor);
}

static const struct seq_operations volatile_cursor_fixed_ops = {
	.start	= volatile_cursor_fixed_start,
	.next	= volatile_cursor_next,
	.stop	= volatile_cursor_stop,
	.show	= volatile_cursor_show,
};

static const struct seqbugs_file volatile_cursor_fixed = {
	.ops		= &volatile_cursor_fixed_ops,
	.open		= volatile_cursor_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_volatile_cursor = {
	.ops		= &volatile_cursor_ops,
	.open		= volatile_cursor_open,
	.release	= seq_release_private,
	.fixed		= &volatile_cursor_fixed,
};
