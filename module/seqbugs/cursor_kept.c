// SPDX-License-Identifier: GPL-2.0
/*
 * The cursor is in m->private: open() sets it to the first record, next() moves
 * it, and start() returns it whatever *pos is. A reader that reads from beginning
 * to end sees no difference; pread() and lseek() do.
 *
 *   # cat cursor_kept                right
 *   # { dd bs=27 count=1 of=/dev/null; dd bs=27 skip=9 count=1; } < cursor_kept
 *                                    record 11 instead of 10
 *
 * Looks like: ok_cursor, which uses its cursor only if *pos agrees with it.
 * seqtrace reports: SQ104, if the reader seeks.
 * The fix: start() sets the cursor from *pos.
 */

#include "seqbugs.h"

static void *cursor_kept_start(struct seq_file *m, loff_t *pos)
{
	return m->private;	/* the bug: *pos */
}

static void *cursor_kept_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	m->private = seqbugs_rec_after(v);
	return m->private;
}

static void cursor_kept_stop(struct seq_file *m, void *v)
{
}

static int cursor_kept_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations cursor_kept_ops = {
	.start	= cursor_kept_start,
	.next	= cursor_kept_next,
	.stop	= cursor_kept_stop,
	.show	= cursor_kept_show,
};

static int cursor_kept_open(struct file *file, const struct seq_operations *ops)
{
	int ret = seq_open(file, ops);

	if (!ret)
		((struct seq_file *)file->private_data)->private = seqbugs_rec(0);
	return ret;
}

static void *cursor_kept_fixed_start(struct seq_file *m, loff_t *pos)
{
	m->private = seqbugs_rec(*pos);
	return m->private;
}

static const struct seq_operations cursor_kept_fixed_ops = {
	.start	= cursor_kept_fixed_start,
	.next	= cursor_kept_next,
	.stop	= cursor_kept_stop,
	.show	= cursor_kept_show,
};

static const struct seqbugs_file cursor_kept_fixed = {
	.ops		= &cursor_kept_fixed_ops,
	.open		= cursor_kept_open,
	.release	= seq_release,
};

const struct seqbugs_file seqbugs_cursor_kept = {
	.ops		= &cursor_kept_ops,
	.open		= cursor_kept_open,
	.release	= seq_release,
	.fixed		= &cursor_kept_fixed,
};
