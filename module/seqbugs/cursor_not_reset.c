// SPDX-License-Identifier: GPL-2.0
/*
 * A header, and a cursor in m->private. When start() begins at 0, it does not set
 * the cursor to the first record: the header is right, but the record after it is
 * the one at the cursor.
 *
 *   # cat cursor_not_reset           right
 *   # { dd bs=55 count=1 of=/dev/null; dd bs=55 skip=9 count=1; } < cursor_not_reset
 *                                    the end of record 20 instead of 19, by a seek
 *
 * Looks like: ok_cursor, which uses its cursor only if *pos agrees with it.
 * seqtrace reports: check: SQ204, start(), or next(), which trusts the cursor.
 * The fix: start() sets the cursor from *pos.
 *
 * In the kernel: debugfs l2tp/tunnels (l2tp_dfs_seq_start(),
 * net/l2tp/l2tp_debugfs.c), still in 7.2.
 */

#include "seqbugs.h"

struct cursor_not_reset {
	int at;
};

static void *cursor_not_reset_start(struct seq_file *m, loff_t *pos)
{
	struct cursor_not_reset *cursor = m->private;

	if (*pos == 0)
		return SEQ_START_TOKEN;		/* the bug: cursor->at = 0 */
	return seqbugs_rec(cursor->at);
}

static void *cursor_not_reset_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct cursor_not_reset *cursor = m->private;

	++*pos;
	if (v != SEQ_START_TOKEN)
		cursor->at++;
	return seqbugs_rec(cursor->at);
}

static void cursor_not_reset_stop(struct seq_file *m, void *v)
{
}

static int cursor_not_reset_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations cursor_not_reset_ops = {
	.start	= cursor_not_reset_start,
	.next	= cursor_not_reset_next,
	.stop	= cursor_not_reset_stop,
	.show	= cursor_not_reset_show,
};

static int cursor_not_reset_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct cursor_not_reset));
}

static void *cursor_not_reset_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct cursor_not_reset *cursor = m->private;

	cursor->at = *pos ? *pos - 1 : 0;
	return *pos ? seqbugs_rec(cursor->at) : SEQ_START_TOKEN;
}

static const struct seq_operations cursor_not_reset_fixed_ops = {
	.start	= cursor_not_reset_fixed_start,
	.next	= cursor_not_reset_next,
	.stop	= cursor_not_reset_stop,
	.show	= cursor_not_reset_show,
};

static const struct seqbugs_file cursor_not_reset_fixed = {
	.ops		= &cursor_not_reset_fixed_ops,
	.open		= cursor_not_reset_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_cursor_not_reset = {
	.ops		= &cursor_not_reset_ops,
	.open		= cursor_not_reset_open,
	.release	= seq_release_private,
	.fixed		= &cursor_not_reset_fixed,
};
