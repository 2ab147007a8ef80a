// SPDX-License-Identifier: GPL-2.0
/*
 * A list that grows at its end by one record each quarter of a second, up to two
 * thousand. A reader at the end may find another record with its next read.
 *
 * Looks like: next_ends, no_eof.
 * seqtrace reports: none.
 */

#include <linux/jiffies.h>

#include "seqbugs.h"

#define OK_GROWS_FIRST	300
#define OK_GROWS_MOST	2000

static struct seqbugs_rec ok_grows_recs[OK_GROWS_MOST];

/* Time of the first read. */
static unsigned long ok_grows_since;

static struct seqbugs_rec *ok_grows_rec(loff_t nr)
{
	unsigned long now = jiffies;
	unsigned long since = cmpxchg(&ok_grows_since, 0, now) ?: now;
	unsigned long size = OK_GROWS_FIRST + (now - since) / (HZ / 4);

	if (nr >= min_t(unsigned long, size, OK_GROWS_MOST))
		return NULL;
	ok_grows_recs[nr].id = nr;
	return &ok_grows_recs[nr];
}

static void *ok_grows_start(struct seq_file *m, loff_t *pos)
{
	return ok_grows_rec(*pos);
}

static void *ok_grows_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ok_grows_rec(++*pos);
}

static void ok_grows_stop(struct seq_file *m, void *v)
{
}

static int ok_grows_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_grows_ops = {
	.start	= ok_grows_start,
	.next	= ok_grows_next,
	.stop	= ok_grows_stop,
	.show	= ok_grows_show,
};

const struct seqbugs_file seqbugs_ok_grows = { .ops = &ok_grows_ops };
