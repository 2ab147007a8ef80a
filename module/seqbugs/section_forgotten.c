// SPDX-License-Identifier: GPL-2.0
/*
 * Empty lines between sections: next() sets a flag if show() has to print one
 * first, and start() clears it, as if every pass began with the first section.
 *
 *   # cat section_forgotten          no empty line after section 33
 *   # dd if=section_forgotten bs=119 no empty lines at all
 *
 * Looks like: ok_section, whose show() needs the section only.
 * seqtrace reports: check: SQ204, start() or show().
 * The fix: start() sets the flag from *pos, as next() does.
 */

#include "seqbugs.h"

#define SECTION_FORGOTTEN_SECTIONS 60

struct section_forgotten {
	bool apart;	/* true if a section precedes this one */
};

static struct seqbugs_rec *section_forgotten_rec(loff_t nr)
{
	return nr < SECTION_FORGOTTEN_SECTIONS ? seqbugs_rec(nr) : NULL;
}

static void *section_forgotten_start(struct seq_file *m, loff_t *pos)
{
	struct section_forgotten *section = m->private;

	section->apart = false;		/* the bug: *pos > 0 */
	return section_forgotten_rec(*pos);
}

static void *section_forgotten_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct section_forgotten *section = m->private;

	section->apart = true;
	return section_forgotten_rec(++*pos);
}

static void section_forgotten_stop(struct seq_file *m, void *v)
{
}

/* Prints an empty line, if required, and 119 bytes. */
static int section_forgotten_show(struct seq_file *m, void *v)
{
	struct section_forgotten *section = m->private;
	struct seqbugs_rec *rec = v;
	int i;

	if (section->apart)
		seq_putc(m, '\n');
	seq_printf(m, "section %02d\n", rec->id);
	for (i = 0; i < 4; i++)
		seqbugs_print(m, rec->id * 4 + i);
	return 0;
}

static const struct seq_operations section_forgotten_ops = {
	.start	= section_forgotten_start,
	.next	= section_forgotten_next,
	.stop	= section_forgotten_stop,
	.show	= section_forgotten_show,
};

static int section_forgotten_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct section_forgotten));
}

static void *section_forgotten_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct section_forgotten *section = m->private;

	section->apart = *pos > 0;
	return section_forgotten_rec(*pos);
}

static const struct seq_operations section_forgotten_fixed_ops = {
	.start	= section_forgotten_fixed_start,
	.next	= section_forgotten_next,
	.stop	= section_forgotten_stop,
	.show	= section_forgotten_show,
};

static const struct seqbugs_file section_forgotten_fixed = {
	.ops		= &section_forgotten_fixed_ops,
	.open		= section_forgotten_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_section_forgotten = {
	.ops		= &section_forgotten_ops,
	.open		= section_forgotten_open,
	.release	= seq_release_private,
	.fixed		= &section_forgotten_fixed,
};
