// SPDX-License-Identifier: GPL-2.0
/*
 * The text of the first record has the number of reads of the file so far: calls
 * of read(2), whether or not a record is rendered for them.
 *
 * Looks like: counting_show, counting_start.
 * seqtrace reports: none.
 *
 * In the kernel: /proc/self/io, which counts the reads of its reader.
 */

#include <linux/atomic.h>

#include "seqbugs.h"

static atomic_t ok_counts_reads_count;

static void *ok_counts_reads_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static void *ok_counts_reads_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return seqbugs_rec_after(v);
}

static void ok_counts_reads_stop(struct seq_file *m, void *v)
{
}

static int ok_counts_reads_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	if (rec->id == 0)
		seq_printf(m, "read %09u times\n", atomic_read(&ok_counts_reads_count));
	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_counts_reads_ops = {
	.start	= ok_counts_reads_start,
	.next	= ok_counts_reads_next,
	.stop	= ok_counts_reads_stop,
	.show	= ok_counts_reads_show,
};

static ssize_t ok_counts_reads_read(struct file *file, char __user *buf, size_t size,
				    loff_t *pos)
{
	atomic_inc(&ok_counts_reads_count);
	return seq_read(file, buf, size, pos);
}

static ssize_t ok_counts_reads_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	atomic_inc(&ok_counts_reads_count);
	return seq_read_iter(iocb, to);
}

const struct seqbugs_file seqbugs_ok_counts_reads = {
	.ops		= &ok_counts_reads_ops,
	.read		= ok_counts_reads_read,
	.read_iter	= ok_counts_reads_read_iter,
};
