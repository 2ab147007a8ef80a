// SPDX-License-Identifier: GPL-2.0
/*
 * stop() prints a footer. stop() ends a pass, not the file: each read gets a
 * footer, wherever it ends, and the core discards the one at the end of the file.
 * The text depends on how the file is read.
 *
 *   # cat stop_output                a footer after record 150, and at the end
 *   # dd if=stop_output bs=27        a footer after each record
 *
 * seqtrace reports: SQ303.
 * The fix: the footer is a record, at the position after the last one.
 */

#include "seqbugs.h"

static void *stop_output_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *stop_output_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void stop_output_stop(struct seq_file *m, void *v)
{
	seq_puts(m, "-- end --\n");	/* the bug */
}

static int stop_output_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations stop_output_ops = {
	.start	= stop_output_start,
	.next	= stop_output_next,
	.stop	= stop_output_stop,
	.show	= stop_output_show,
};

static struct seqbugs_rec stop_output_footer = { .id = SEQBUGS_RECORDS };

static void *stop_output_at(loff_t pos)
{
	return pos == SEQBUGS_RECORDS ? &stop_output_footer : seqbugs_rec(pos);
}

static void *stop_output_fixed_start(struct seq_file *m, loff_t *pos)
{
	return stop_output_at(*pos);
}

static void *stop_output_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	return stop_output_at(++*pos);
}

static void stop_output_fixed_stop(struct seq_file *m, void *v)
{
}

static int stop_output_fixed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec == &stop_output_footer)
		seq_puts(m, "-- end --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations stop_output_fixed_ops = {
	.start	= stop_output_fixed_start,
	.next	= stop_output_fixed_next,
	.stop	= stop_output_fixed_stop,
	.show	= stop_output_fixed_show,
};

static const struct seqbugs_file stop_output_fixed = { .ops = &stop_output_fixed_ops };

const struct seqbugs_file seqbugs_stop_output = {
	.ops	= &stop_output_ops,
	.fixed	= &stop_output_fixed,
};
