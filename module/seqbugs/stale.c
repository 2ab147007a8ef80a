// SPDX-License-Identifier: GPL-2.0
/*
 * When start() resumes, it does not initialise a part of its iterator, and show()
 * prints that part: whatever the memory contains. Here it is a letter that changes
 * with each resume. A hundred records fit into the first buffer, so a reader with
 * large blocks never resumes and sees correct text.
 *
 *   # cat stale                      a hundred lines that end with o
 *   # dd if=stale bs=27              and here with another letter, each time
 *
 * Positions and pointers are right, and the wrong text differs each time. A file
 * that changes by itself looks like this, too, but its text also changes for
 * readers that read it whole.
 * Looks like: ok_volatile.
 * seqtrace reports: check: SQ204.
 * The fix: start() initialises all of its iterator, whatever *pos is.
 */

#include <linux/atomic.h>

#include "seqbugs.h"

#define STALE_RECORDS	100

struct stale {
	char last;
};

static atomic_t stale_memory;

static struct seqbugs_rec *stale_rec(loff_t nr)
{
	return nr < STALE_RECORDS ? seqbugs_rec(nr) : NULL;
}

static void *stale_start(struct seq_file *m, loff_t *pos)
{
	struct stale *iter = m->private;

	if (*pos == 0)
		iter->last = 'o';
	else	/* the bug: the value of uninitialised memory */
		iter->last = 'A' + (unsigned int)atomic_inc_return(&stale_memory) % 26;
	return stale_rec(*pos);
}

static void *stale_next(struct seq_file *m, void *v, loff_t *pos)
{
	return stale_rec(++*pos);
}

static void stale_stop(struct seq_file *m, void *v)
{
}

static int stale_show(struct seq_file *m, void *v)
{
	struct stale *iter = m->private;
	struct seqbugs_rec *rec = v;

	seq_printf(m, "record %03d abcdefghijklmn%c\n", rec->id, iter->last);
	return 0;
}

static const struct seq_operations stale_ops = {
	.start	= stale_start,
	.next	= stale_next,
	.stop	= stale_stop,
	.show	= stale_show,
};

static int stale_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct stale));
}

static void *stale_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct stale *iter = m->private;

	iter->last = 'o';
	return stale_rec(*pos);
}

static const struct seq_operations stale_fixed_ops = {
	.start	= stale_fixed_start,
	.next	= stale_next,
	.stop	= stale_stop,
	.show	= stale_show,
};

static const struct seqbugs_file stale_fixed = {
	.ops		= &stale_fixed_ops,
	.open		= stale_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_stale = {
	.ops		= &stale_ops,
	.open		= stale_open,
	.release	= seq_release_private,
	.fixed		= &stale_fixed,
};
