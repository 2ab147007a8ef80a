// SPDX-License-Identifier: GPL-2.0
/*
 * Positions with bit 63 set: record 0 is at position 0, all others are at negative
 * positions.
 *
 * Looks like: next() moving back, if positions are compared as signed numbers.
 * seqtrace reports: none.
 *
 * In the kernel: the last positions of /proc/net/unix, and -1 and -2 of
 * /proc/PID/maps.
 */

#include "seqbugs.h"

static loff_t ok_negative_pos(int id)
{
	return id ? LLONG_MIN + id : 0;
}

static void *ok_negative_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos < 0 ? *pos - LLONG_MIN : *pos);
}

static void *ok_negative_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *rec = v;

	*pos = ok_negative_pos(rec->id + 1);
	return seqbugs_rec_after(rec);
}

static void ok_negative_stop(struct seq_file *m, void *v)
{
}

static int ok_negative_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_negative_ops = {
	.start	= ok_negative_start,
	.next	= ok_negative_next,
	.stop	= ok_negative_stop,
	.show	= ok_negative_show,
};

const struct seqbugs_file seqbugs_ok_negative = { .ops = &ok_negative_ops };
