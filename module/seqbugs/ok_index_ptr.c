// SPDX-License-Identifier: GPL-2.0
/*
 * The pointer is the position's own address, &m->index, for all records.
 *
 * Looks like: one record, over and over.
 * seqtrace reports: none.
 *
 * In the kernel: /proc/interrupts, /proc/devices.
 */

#include "seqbugs.h"

static void *ok_index_ptr_start(struct seq_file *m, loff_t *pos)
{
	return *pos < SEQBUGS_RECORDS ? pos : NULL;
}

static void *ok_index_ptr_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ++*pos < SEQBUGS_RECORDS ? pos : NULL;
}

static void ok_index_ptr_stop(struct seq_file *m, void *v)
{
}

static int ok_index_ptr_show(struct seq_file *m, void *v)
{
	loff_t *pos = v;

	seqbugs_print(m, *pos);
	return 0;
}

static const struct seq_operations ok_index_ptr_ops = {
	.start	= ok_index_ptr_start,
	.next	= ok_index_ptr_next,
	.stop	= ok_index_ptr_stop,
	.show	= ok_index_ptr_show,
};

const struct seqbugs_file seqbugs_ok_index_ptr = { .ops = &ok_index_ptr_ops };
