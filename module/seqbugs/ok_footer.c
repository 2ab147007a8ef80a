// SPDX-License-Identifier: GPL-2.0
/*
 * A footer that is a record of its own, after the last one: it is emitted once,
 * however the file is read.
 *
 * Looks like: stop_output.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static struct seqbugs_rec ok_footer = { .id = SEQBUGS_RECORDS };

static void *ok_footer_at(loff_t pos)
{
	return pos == SEQBUGS_RECORDS ? &ok_footer : seqbugs_rec(pos);
}

static void *ok_footer_start(struct seq_file *m, loff_t *pos)
{
	return ok_footer_at(*pos);
}

static void *ok_footer_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ok_footer_at(++*pos);
}

static void ok_footer_stop(struct seq_file *m, void *v)
{
}

static int ok_footer_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec == &ok_footer)
		seq_puts(m, "-- end --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_footer_ops = {
	.start	= ok_footer_start,
	.next	= ok_footer_next,
	.stop	= ok_footer_stop,
	.show	= ok_footer_show,
};

const struct seqbugs_file seqbugs_ok_footer = { .ops = &ok_footer_ops };
