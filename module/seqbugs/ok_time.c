// SPDX-License-Identifier: GPL-2.0
/*
 * The text of each record has the time in milliseconds: it changes whether or not
 * the file is read.
 *
 * Looks like: counting_show; stale.
 * seqtrace reports: none.
 *
 * In the kernel: /proc/timer_list, /proc/uptime.
 */

#include <linux/jiffies.h>

#include "seqbugs.h"

static void *ok_time_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_time_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_time_stop(struct seq_file *m, void *v)
{
}

static int ok_time_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seq_printf(m, "record %03d at %010u ms\n", rec->id, jiffies_to_msecs(jiffies));
	return 0;
}

static const struct seq_operations ok_time_ops = {
	.start	= ok_time_start,
	.next	= ok_time_next,
	.stop	= ok_time_stop,
	.show	= ok_time_show,
};

const struct seqbugs_file seqbugs_ok_time = { .ops = &ok_time_ops };
