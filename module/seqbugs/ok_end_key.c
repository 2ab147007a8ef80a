// SPDX-License-Identifier: GPL-2.0
/*
 * At the end, start() moves *pos to a key that no record has, and for which it
 * finds nothing.
 *
 * Looks like: end_back, page_back, whose start() sets *pos back at the end.
 * seqtrace reports: none.
 *
 * In the kernel: /proc/PID/maps, whose end is position -1.
 */

#include "seqbugs.h"

#define OK_END_KEY_END	(-1LL)

static void *ok_end_key_find(loff_t nr, loff_t *pos)
{
	struct seqbugs_rec *rec = seqbugs_rec(nr);

	*pos = rec ? nr : OK_END_KEY_END;
	return rec;
}

static void *ok_end_key_start(struct seq_file *m, loff_t *pos)
{
	return ok_end_key_find(*pos, pos);
}

static void *ok_end_key_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;		/* also after the last record: start() moves on from there */
	return seqbugs_rec(*pos);
}

static void ok_end_key_stop(struct seq_file *m, void *v)
{
}

static int ok_end_key_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_end_key_ops = {
	.start	= ok_end_key_start,
	.next	= ok_end_key_next,
	.stop	= ok_end_key_stop,
	.show	= ok_end_key_show,
};

const struct seqbugs_file seqbugs_ok_end_key = { .ops = &ok_end_key_ops };
