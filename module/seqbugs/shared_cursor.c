// SPDX-License-Identifier: GPL-2.0
/*
 * The cursor belongs to the file, not to the open: a single reader sees correct
 * text, but two readers at once move each other's position.
 *
 *   # exec 3< shared_cursor 4< shared_cursor
 *   # dd bs=27 count=1 <&3; dd bs=27 count=1 <&4; dd bs=27 count=1 <&3
 *                                    0, 0 and 1; then <&4: 2, and 1 is lost to it
 *
 * Looks like: ok_one_pointer, whose cursor belongs to the open.
 * seqtrace reports: SQ601 when it interleaves two readers; each of the two sessions
 * may also break SQ104.
 * The fix: no cursor at all: start() derives the record from *pos.
 *
 * Outside of the kernel tree: the OpenZFS procfs_list kept its cursor like this.
 */

#include <linux/mutex.h>

#include "seqbugs.h"

/* The bug: the cursor is shared; only the lock should be. */
static struct {
	struct mutex lock;	/* held from start() to stop() */
	int at;
} shared_cursor = {
	.lock = __MUTEX_INITIALIZER(shared_cursor.lock),
};

static void *shared_cursor_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&shared_cursor.lock);
	if (*pos == 0)
		shared_cursor.at = 0;
	return seqbugs_rec(shared_cursor.at);
}

static void *shared_cursor_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec(++shared_cursor.at);
}

static void shared_cursor_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&shared_cursor.lock);
}

static int shared_cursor_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations shared_cursor_ops = {
	.start	= shared_cursor_start,
	.next	= shared_cursor_next,
	.stop	= shared_cursor_stop,
	.show	= shared_cursor_show,
};

static void *shared_cursor_fixed_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&shared_cursor.lock);
	return seqbugs_rec(*pos);
}

static void *shared_cursor_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seqbugs_rec(++*pos);
}

static const struct seq_operations shared_cursor_fixed_ops = {
	.start	= shared_cursor_fixed_start,
	.next	= shared_cursor_fixed_next,
	.stop	= shared_cursor_stop,
	.show	= shared_cursor_show,
};

static const struct seqbugs_file shared_cursor_fixed = { .ops = &shared_cursor_fixed_ops };

const struct seqbugs_file seqbugs_shared_cursor = {
	.ops	= &shared_cursor_ops,
	.fixed	= &shared_cursor_fixed,
};
