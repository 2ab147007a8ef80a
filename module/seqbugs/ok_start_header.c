// SPDX-License-Identifier: GPL-2.0
/*
 * start() prints a header at position 0 only. A reader gets it once, before the
 * first record: a pass that begins at 0 is at the beginning of the file, or is
 * part of a traversal from there.
 *
 * Looks like: start_output.
 * seqtrace reports: none; SQ305 (start() prints) as information.
 *
 * In the kernel: sctp_eps_seq_start(), net/sctp/proc.c.
 */

#include "seqbugs.h"

static void *ok_start_header_start(struct seq_file *m, loff_t *pos)
{
	if (*pos == 0)
		seq_puts(m, "-- three hundred records --\n");
	return seqbugs_rec(*pos);
}

static void *ok_start_header_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_start_header_stop(struct seq_file *m, void *v)
{
}

static int ok_start_header_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_start_header_ops = {
	.start	= ok_start_header_start,
	.next	= ok_start_header_next,
	.stop	= ok_start_header_stop,
	.show	= ok_start_header_show,
};

const struct seqbugs_file seqbugs_ok_start_header = { .ops = &ok_start_header_ops };
