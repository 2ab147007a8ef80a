// SPDX-License-Identifier: GPL-2.0
/*
 * next() advances *pos only when it moves from record to record, not when it moves
 * from the header to the first record. The core sees that *pos is still 0 and adds
 * 1, which the module does not expect.
 *
 *   # cat header_stuck               record 1 is missing
 *   # dd if=header_stuck bs=28       record 0 is missing
 *
 * Looks like: ok_token, which counts correctly.
 * seqtrace reports: SQ101 at position 0, and SQ104 (ahead) and SQ202 where a read
 * resumes after the header. The loss of record 1 with cat cannot be seen by
 * pointers, because next() never returned it.
 * The fix: next() always advances *pos; and start() counts the header, which
 * seqtrace reports as soon as next() is right.
 *
 * Known from a driver outside the kernel that worked before 4.19.
 */

#include "seqbugs.h"

static void *header_stuck_start(struct seq_file *m, loff_t *pos)
{
	if (*pos == 0)
		return SEQ_START_TOKEN;
	return seqbugs_rec(*pos);
}

static void *header_stuck_next(struct seq_file *m, void *v, loff_t *pos)
{
	if (v != SEQ_START_TOKEN)	/* the bug: always */
		++*pos;
	return seqbugs_rec(*pos);
}

static void header_stuck_stop(struct seq_file *m, void *v)
{
}

static int header_stuck_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations header_stuck_ops = {
	.start	= header_stuck_start,
	.next	= header_stuck_next,
	.stop	= header_stuck_stop,
	.show	= header_stuck_show,
};

static void *header_stuck_fixed_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? seqbugs_rec(*pos - 1) : SEQ_START_TOKEN;
}

static void *header_stuck_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return v == SEQ_START_TOKEN ? seqbugs_rec(0) : seqbugs_rec_after(v);
}

static const struct seq_operations header_stuck_fixed_ops = {
	.start	= header_stuck_fixed_start,
	.next	= header_stuck_fixed_next,
	.stop	= header_stuck_stop,
	.show	= header_stuck_show,
};

static const struct seqbugs_file header_stuck_fixed = { .ops = &header_stuck_fixed_ops };

const struct seqbugs_file seqbugs_header_stuck = {
	.ops	= &header_stuck_ops,
	.fixed	= &header_stuck_fixed,
};
