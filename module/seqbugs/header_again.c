// SPDX-License-Identifier: GPL-2.0
/*
 * start() begins every pass with the header, as if each pass began a file. Each
 * read emits the header instead of a record: next() moves on from the position at
 * which start() should have resumed.
 *
 *   # cat header_again               a header instead of record 150
 *   # dd if=header_again bs=28       headers and nothing else
 *
 * Looks like: ok_token, which has a header at position 0 only.
 * seqtrace reports: SQ205, SQ104 for the record that start() should have resumed
 * with, and SQ202 for its loss.
 * The fix: start() returns the header for position 0 only, and counts it.
 */

#include "seqbugs.h"

static void *header_again_start(struct seq_file *m, loff_t *pos)
{
	/* The bug: the header is at position 0 only. */
	return *pos <= SEQBUGS_RECORDS ? SEQ_START_TOKEN : NULL;
}

static void *header_again_next(struct seq_file *m, void *v, loff_t *pos)
{
	return seqbugs_rec(++*pos - 1);
}

static void header_again_stop(struct seq_file *m, void *v)
{
}

static int header_again_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations header_again_ops = {
	.start	= header_again_start,
	.next	= header_again_next,
	.stop	= header_again_stop,
	.show	= header_again_show,
};

static void *header_again_fixed_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? seqbugs_rec(*pos - 1) : SEQ_START_TOKEN;
}

static const struct seq_operations header_again_fixed_ops = {
	.start	= header_again_fixed_start,
	.next	= header_again_next,
	.stop	= header_again_stop,
	.show	= header_again_show,
};

static const struct seqbugs_file header_again_fixed = { .ops = &header_again_fixed_ops };

const struct seqbugs_file seqbugs_header_again = {
	.ops	= &header_again_ops,
	.fixed	= &header_again_fixed,
};
