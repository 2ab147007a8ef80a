// SPDX-License-Identifier: GPL-2.0
/*
 * start() prints a header in every pass: each read gets one, wherever it begins.
 * The text depends on how the file is read.
 *
 *   # cat start_output               a header before records 0 and 150
 *   # dd if=start_output bs=55       a header before each record
 *
 * Looks like: ok_start_header, which prints it at position 0 only; ok_token.
 * seqtrace reports: SQ305.
 * The fix: the header is a record, SEQ_START_TOKEN at position 0, that show()
 * prints.
 */

#include "seqbugs.h"

static void *start_output_start(struct seq_file *m, loff_t *pos)
{
	struct seqbugs_rec *rec = seqbugs_rec(*pos);

	if (rec)
		seq_puts(m, "-- three hundred records --\n");	/* the bug */
	return rec;
}

static void *start_output_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void start_output_stop(struct seq_file *m, void *v)
{
}

static int start_output_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations start_output_ops = {
	.start	= start_output_start,
	.next	= start_output_next,
	.stop	= start_output_stop,
	.show	= start_output_show,
};

static void *start_output_fixed_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? seqbugs_rec(*pos - 1) : SEQ_START_TOKEN;
}

static void *start_output_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seqbugs_rec(++*pos - 1);
}

static int start_output_fixed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations start_output_fixed_ops = {
	.start	= start_output_fixed_start,
	.next	= start_output_fixed_next,
	.stop	= start_output_stop,
	.show	= start_output_fixed_show,
};

static const struct seqbugs_file start_output_fixed = { .ops = &start_output_fixed_ops };

const struct seqbugs_file seqbugs_start_output = {
	.ops	= &start_output_ops,
	.fixed	= &start_output_fixed,
};
