// SPDX-License-Identifier: GPL-2.0
/*
 * A header at position 0, by SEQ_START_TOKEN, and record n at position n + 1.
 *
 * Looks like: header_forgotten, header_stuck, header_again; a pointer that is 1.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static void *ok_token_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? seqbugs_rec(*pos - 1) : SEQ_START_TOKEN;
}

static void *ok_token_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return v == SEQ_START_TOKEN ? seqbugs_rec(0) : seqbugs_rec_after(v);
}

static void ok_token_stop(struct seq_file *m, void *v)
{
}

static int ok_token_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_token_ops = {
	.start	= ok_token_start,
	.next	= ok_token_next,
	.stop	= ok_token_stop,
	.show	= ok_token_show,
};

const struct seqbugs_file seqbugs_ok_token = { .ops = &ok_token_ops };
