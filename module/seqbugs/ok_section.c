// SPDX-License-Identifier: GPL-2.0
/*
 * Empty lines between sections, which show() prints without help: every section
 * but the first begins with one, in any pass.
 *
 * Looks like: section_forgotten.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

#define OK_SECTION_SECTIONS 60

static struct seqbugs_rec *ok_section_rec(loff_t nr)
{
	return nr < OK_SECTION_SECTIONS ? seqbugs_rec(nr) : NULL;
}

static void *ok_section_start(struct seq_file *m, loff_t *pos)
{
	return ok_section_rec(*pos);
}

static void *ok_section_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ok_section_rec(++*pos);
}

static void ok_section_stop(struct seq_file *m, void *v)
{
}

static int ok_section_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;
	int i;

	if (rec->id)
		seq_putc(m, '\n');
	seq_printf(m, "section %02d\n", rec->id);
	for (i = 0; i < 4; i++)
		seqbugs_print(m, rec->id * 4 + i);
	return 0;
}

static const struct seq_operations ok_section_ops = {
	.start	= ok_section_start,
	.next	= ok_section_next,
	.stop	= ok_section_stop,
	.show	= ok_section_show,
};

const struct seqbugs_file seqbugs_ok_section = { .ops = &ok_section_ops };
