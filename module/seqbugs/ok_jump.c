// SPDX-License-Identifier: GPL-2.0
/*
 * Positions are keys with growing gaps between them: 5, 6, 9, 14, 21 ... start()
 * rounds *pos up to the next key; even 0 becomes 5.
 *
 * Looks like: records skipped; start() changing *pos.
 * seqtrace reports: none.
 *
 * In the kernel: /proc/keys, /proc/PID/maps, /proc/net/dev since 6.12.
 */

#include "seqbugs.h"

static loff_t ok_jump_key(int id)
{
	return (loff_t)id * id + 5;
}

static void *ok_jump_start(struct seq_file *m, loff_t *pos)
{
	int id;

	for (id = 0; id < SEQBUGS_RECORDS; id++) {
		if (ok_jump_key(id) >= *pos) {
			*pos = ok_jump_key(id);
			return seqbugs_rec(id);
		}
	}
	return NULL;
}

static void *ok_jump_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct seqbugs_rec *rec = v;

	*pos = ok_jump_key(rec->id + 1);
	return seqbugs_rec_after(rec);
}

static void ok_jump_stop(struct seq_file *m, void *v)
{
}

static int ok_jump_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_jump_ops = {
	.start	= ok_jump_start,
	.next	= ok_jump_next,
	.stop	= ok_jump_stop,
	.show	= ok_jump_show,
};

const struct seqbugs_file seqbugs_ok_jump = { .ops = &ok_jump_ops };
