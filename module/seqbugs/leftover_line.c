// SPDX-License-Identifier: GPL-2.0
/*
 * show() renders a record into a buffer of the iterator and copies it from there.
 * Text that did not fit stays in that buffer, and a flag marks it: the pass that
 * resumes copies it and does not render it again. After a seek, start() clears the
 * flag but not the text: it stays in the buffer, and the first record is appended
 * to it.
 *
 *   # cat leftover_line              right
 *   # { dd bs=4096 count=1 of=/dev/null; dd bs=27 skip=1 count=1; } < leftover_line
 *                                    record 151 instead of 152, by a seek
 *
 * Looks like: ok_large, whose records do not fit either.
 * seqtrace reports: check: SQ204, start().
 * The fix: start() clears both.
 *
 * In the kernel: tracefs trace and files with the same iterator (s_start(),
 * kernel/trace/trace.c), 6.12 to 7.2.
 */

#include "seqbugs.h"

struct leftover_line {
	loff_t pos;		/* position of the iterator after next() */
	bool left;		/* text has a part that did not fit */
	size_t len;
	char text[3 * SEQBUGS_LINE];
};

static void *leftover_line_start(struct seq_file *m, loff_t *pos)
{
	struct leftover_line *it = m->private;

	if (*pos != it->pos) {
		it->left = false;	/* the bug: it->len = 0, too */
		it->pos = *pos;
	}
	return seqbugs_rec(*pos);
}

static void *leftover_line_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct leftover_line *it = m->private;

	it->pos = ++*pos;
	return seqbugs_rec_after(v);
}

static void leftover_line_stop(struct seq_file *m, void *v)
{
}

static int leftover_line_show(struct seq_file *m, void *v)
{
	struct leftover_line *it = m->private;
	struct seqbugs_rec *rec = v;

	if (!it->left)
		it->len += scnprintf(it->text + it->len, sizeof(it->text) - it->len,
				     "record %03d abcdefghijklmno\n", rec->id);
	seq_write(m, it->text, it->len);
	it->left = seq_has_overflowed(m);
	if (!it->left)
		it->len = 0;
	return 0;
}

static const struct seq_operations leftover_line_ops = {
	.start	= leftover_line_start,
	.next	= leftover_line_next,
	.stop	= leftover_line_stop,
	.show	= leftover_line_show,
};

static int leftover_line_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct leftover_line));
}

static void *leftover_line_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct leftover_line *it = m->private;

	if (*pos != it->pos) {
		it->left = false;
		it->len = 0;
		it->pos = *pos;
	}
	return seqbugs_rec(*pos);
}

static const struct seq_operations leftover_line_fixed_ops = {
	.start	= leftover_line_fixed_start,
	.next	= leftover_line_next,
	.stop	= leftover_line_stop,
	.show	= leftover_line_show,
};

static const struct seqbugs_file leftover_line_fixed = {
	.ops		= &leftover_line_fixed_ops,
	.open		= leftover_line_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_leftover_line = {
	.ops		= &leftover_line_ops,
	.open		= leftover_line_open,
	.release	= seq_release_private,
	.fixed		= &leftover_line_fixed,
};
