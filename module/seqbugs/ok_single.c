// SPDX-License-Identifier: GPL-2.0
/*
 * single_open() with single_release(). The one record is all three hundred
 * lines, twice the size of the first buffer.
 *
 * Looks like: a record shown twice; single_leak.
 * seqtrace reports: none.
 */

#include "seqbugs.h"

static int ok_single_show(struct seq_file *m, void *v)
{
	int id;

	for (id = 0; id < SEQBUGS_RECORDS; id++)
		seqbugs_print(m, id);
	return 0;
}

static int ok_single_open(struct file *file, const struct seq_operations *ops)
{
	return single_open(file, ok_single_show, NULL);
}

const struct seqbugs_file seqbugs_ok_single = {
	.open		= ok_single_open,
	.release	= single_release,
};
