// SPDX-License-Identifier: GPL-2.0
/*
 * single_open() with seq_release(): the table that single_open() allocates is
 * leaked, 32 bytes for each open.
 *
 *   # i=0; while [ $i -lt 1000 ]; do cat single_leak >/dev/null; i=$((i+1)); done
 *
 * Looks like: ok_single, with single_release().
 * seqtrace reports: SQ401.
 * The fix: single_release().
 *
 * In the kernel: c552ffb5c93d (cavium zip) and a series of others in 2019.
 */

#include "seqbugs.h"

static int single_leak_show(struct seq_file *m, void *v)
{
	int id;

	for (id = 0; id < SEQBUGS_RECORDS; id++)
		seqbugs_print(m, id);
	return 0;
}

static int single_leak_open(struct file *file, const struct seq_operations *ops)
{
	return single_open(file, single_leak_show, NULL);
}

static const struct seqbugs_file single_leak_fixed = {
	.open		= single_leak_open,
	.release	= single_release,
};

const struct seqbugs_file seqbugs_single_leak = {
	.open		= single_leak_open,
	.release	= seq_release,	/* the bug: single_release */
	.fixed		= &single_leak_fixed,
};
