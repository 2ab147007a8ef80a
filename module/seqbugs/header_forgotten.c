// SPDX-License-Identifier: GPL-2.0
/*
 * The header is at position 0, so record n is at position n + 1. When start()
 * resumes, it ignores the header and looks for record n at position n: each read
 * but the first loses a record.
 *
 *   # cat header_forgotten           record 150 is missing
 *   # dd if=header_forgotten bs=27   every other record is missing
 *
 * Looks like: ok_token, which counts correctly.
 * seqtrace reports: SQ104 (ahead), and SQ202 for each record lost.
 * The fix: start() counts the header.
 *
 * In the kernel: /proc/net/route in 2015 ("ipv4: fix off-by-one in continuation
 * handling in /proc/net/route").
 */

#include "seqbugs.h"

static void *header_forgotten_start(struct seq_file *m, loff_t *pos)
{
	if (*pos == 0)
		return SEQ_START_TOKEN;
	return seqbugs_rec(*pos);	/* the bug: *pos - 1 */
}

static void *header_forgotten_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *rec = v;
	int nr = v == SEQ_START_TOKEN ? 0 : rec->id + 1;

	*pos = nr + 1;
	return seqbugs_rec(nr);
}

static void header_forgotten_stop(struct seq_file *m, void *v)
{
}

static int header_forgotten_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (v == SEQ_START_TOKEN)
		seq_puts(m, "-- three hundred records --\n");
	else
		seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations header_forgotten_ops = {
	.start	= header_forgotten_start,
	.next	= header_forgotten_next,
	.stop	= header_forgotten_stop,
	.show	= header_forgotten_show,
};

static void *header_forgotten_fixed_start(struct seq_file *m, loff_t *pos)
{
	return *pos ? seqbugs_rec(*pos - 1) : SEQ_START_TOKEN;
}

static const struct seq_operations header_forgotten_fixed_ops = {
	.start	= header_forgotten_fixed_start,
	.next	= header_forgotten_next,
	.stop	= header_forgotten_stop,
	.show	= header_forgotten_show,
};

static const struct seqbugs_file header_forgotten_fixed = { .ops = &header_forgotten_fixed_ops };

const struct seqbugs_file seqbugs_header_forgotten = {
	.ops	= &header_forgotten_ops,
	.fixed	= &header_forgotten_fixed,
};
