// SPDX-License-Identifier: GPL-2.0
/*
 * show() moves: it prints the record at a cursor of its own and advances the
 * cursor. The core calls show() again for a record that did not fit, and the
 * record whose text was discarded is never printed again.
 *
 *   # cat side_effects               record 151 is missing
 *   # dd if=side_effects bs=27       all three hundred
 *
 * Positions and pointers are right: only the text shows the bug.
 * seqtrace reports: SQ204 (a rendering again that lost a record).
 * The fix: next() moves the cursor, start() sets it from *pos, show() prints the
 * record at the cursor.
 *
 * In the kernel: /proc/net/dev once lost devices at 4 KiB boundaries like this.
 */

#include "seqbugs.h"

struct side_effects {
	int at;
};

static void *side_effects_start(struct seq_file *m, loff_t *pos)
{
	struct side_effects *cursor = m->private;

	if (*pos == 0)
		cursor->at = 0;
	return *pos < SEQBUGS_RECORDS ? cursor : NULL;
}

static void *side_effects_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ++*pos < SEQBUGS_RECORDS ? v : NULL;
}

static void side_effects_stop(struct seq_file *m, void *v)
{
}

static int side_effects_show(struct seq_file *m, void *v)
{
	struct side_effects *cursor = v;

	if (cursor->at < SEQBUGS_RECORDS)
		seqbugs_print(m, cursor->at++);		/* the bug: ++ */
	return 0;
}

static const struct seq_operations side_effects_ops = {
	.start	= side_effects_start,
	.next	= side_effects_next,
	.stop	= side_effects_stop,
	.show	= side_effects_show,
};

static int side_effects_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct side_effects));
}

static void *side_effects_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct side_effects *cursor = m->private;

	cursor->at = *pos;
	return *pos < SEQBUGS_RECORDS ? cursor : NULL;
}

static void *side_effects_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct side_effects *cursor = v;

	cursor->at = ++*pos;
	return *pos < SEQBUGS_RECORDS ? cursor : NULL;
}

static int side_effects_fixed_show(struct seq_file *m, void *v)
{
	struct side_effects *cursor = v;

	seqbugs_print(m, cursor->at);
	return 0;
}

static const struct seq_operations side_effects_fixed_ops = {
	.start	= side_effects_fixed_start,
	.next	= side_effects_fixed_next,
	.stop	= side_effects_stop,
	.show	= side_effects_fixed_show,
};

static const struct seqbugs_file side_effects_fixed = {
	.ops		= &side_effects_fixed_ops,
	.open		= side_effects_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_side_effects = {
	.ops		= &side_effects_ops,
	.open		= side_effects_open,
	.release	= seq_release_private,
	.fixed		= &side_effects_fixed,
};
