// SPDX-License-Identifier: GPL-2.0
/*
 * A header and a list. start() counts records until it reaches *pos, but does not
 * advance its counter: it finds the first record for position 1, and nothing for
 * any other position. The file ends where a read has to resume.
 *
 *   # cat counter_stuck              150 of 300 records
 *   # dd if=counter_stuck bs=200     seven
 *
 * Looks like: ok_token, which counts correctly.
 * seqtrace reports: SQ104 (vanished), and SQ202.
 * The fix: start() advances its counter, as next() does.
 *
 * In the kernel: /proc/net/bpqether (bpq_seq_start(), drivers/net/hamradio), 6.1
 * and 6.12.
 */

#include "seqbugs.h"

static void *counter_stuck_start(struct seq_file *m, loff_t *pos)
{
	struct seqbugs_rec *rec;
	int nr = 1;

	if (*pos == 0)
		return SEQ_START_TOKEN;
	for (rec = seqbugs_rec(0); rec; rec = seqbugs_rec_after(rec)) {
		if (nr == *pos)		/* the bug: and nr++ */
			return rec;
	}
	return NULL;
}

static void *counter_stuck_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return v == SEQ_START_TOKEN ? seqbugs_rec(0) : seqbugs_rec_after(v);
}

static void counter_stuck_stop(struct seq_file *m, void *v)
{
}

static int counter_stuck_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations counter_stuck_ops = {
	.start	= counter_stuck_start,
	.next	= counter_stuck_next,
	.stop	= counter_stuck_stop,
	.show	= counter_stuck_show,
};

static void *counter_stuck_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct seqbugs_rec *rec;
	int nr = 1;

	if (*pos == 0)
		return SEQ_START_TOKEN;
	for (rec = seqbugs_rec(0); rec; rec = seqbugs_rec_after(rec)) {
		if (nr++ == *pos)
			return rec;
	}
	return NULL;
}

static const struct seq_operations counter_stuck_fixed_ops = {
	.start	= counter_stuck_fixed_start,
	.next	= counter_stuck_next,
	.stop	= counter_stuck_stop,
	.show	= counter_stuck_show,
};

static const struct seqbugs_file counter_stuck_fixed = { .ops = &counter_stuck_fixed_ops };

const struct seqbugs_file seqbugs_counter_stuck = {
	.ops	= &counter_stuck_ops,
	.fixed	= &counter_stuck_fixed,
};
