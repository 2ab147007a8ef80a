// SPDX-License-Identifier: GPL-2.0
/*
 * Records larger than the buffer: record 100 has more than 5,000 bytes, record 200
 * more than 10,000. The core discards the text that did not fit, doubles its
 * buffer and calls start() and show() again for the same position.
 *
 * Looks like: a record shown two or three times.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static void *ok_large_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_large_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_large_stop(struct seq_file *m, void *v)
{
}

static int ok_large_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;
	int i;

	seqbugs_print(m, rec->id);
	if (rec->id && rec->id % 100 == 0) {
		for (i = 0; i < rec->id * 5; i++)
			seq_printf(m, "%09d\n", i);
	}
	return 0;
}

static const struct seq_operations ok_large_ops = {
	.start	= ok_large_start,
	.next	= ok_large_next,
	.stop	= ok_large_stop,
	.show	= ok_large_show,
};

const struct seqbugs_file seqbugs_ok_large = { .ops = &ok_large_ops };
