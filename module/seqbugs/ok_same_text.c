// SPDX-License-Identifier: GPL-2.0
/*
 * Three hundred records with the same text.
 *
 * Looks like: a double emit, if only the text is compared.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static void *ok_same_text_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_same_text_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_same_text_stop(struct seq_file *m, void *v)
{
}

static int ok_same_text_show(struct seq_file *m, void *v)
{
	seqbugs_print(m, 0);
	return 0;
}

static const struct seq_operations ok_same_text_ops = {
	.start	= ok_same_text_start,
	.next	= ok_same_text_next,
	.stop	= ok_same_text_stop,
	.show	= ok_same_text_show,
};

const struct seqbugs_file seqbugs_ok_same_text = { .ops = &ok_same_text_ops };
