// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/sequence, an endless counter: 0, 1, 2 … with one number per line. With
 * the parameter records=N it ends after N - 1.
 *
 * The iterator is a loff_t, allocated by start() and freed by stop(); next()
 * counts it up and returns the same pointer. It is seekable because start()
 * can resume at any position:
 *
 *	# dd if=/proc/sequence bs=512 count=1 > a
 *	# dd if=/proc/sequence bs=512 skip=1 count=1 >> a
 *
 * gives the first kilobyte of the output without a gap.
 *
 * It shows: one pointer for all records of a pass (and, if the allocator reuses
 * the memory, for those of the next pass), records that did not fit, and a
 * traversal for skip=1.
 *
 * seqtrace reports: none. The file is endless on purpose: a reader of the whole
 * file (cat, check) needs a limit, or the parameter records.
 *
 * With width=BYTES each line is filled with blanks to this many bytes, newline
 * included, so that a single record can need a large buffer.
 *
 * With delay=MS every show() sleeps for MS milliseconds, so that many readers are
 * inside it at the same time.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "compat.h"

static unsigned int delay;
module_param(delay, uint, 0644);
MODULE_PARM_DESC(delay, "time that show() sleeps, in ms (default 0)");

static unsigned long records;
module_param(records, ulong, 0444);
MODULE_PARM_DESC(records, "number of records; 0: no end (default)");

static unsigned int width;
module_param(width, uint, 0444);
MODULE_PARM_DESC(width, "bytes of a line, filled with blanks; 0: as few as possible (default)");

static bool sequence_ends(loff_t pos)
{
	return records && pos >= records;
}

static void *sequence_start(struct seq_file *m, loff_t *pos)
{
	loff_t *count;

	if (sequence_ends(*pos))
		return NULL;
	count = kmalloc(sizeof(*count), GFP_KERNEL);
	if (!count)
		return NULL;
	*count = *pos;
	return count;
}

static void *sequence_next(struct seq_file *m, void *v, loff_t *pos)
{
	loff_t *count = v;

	++*count;
	*pos = *count;
	if (!sequence_ends(*pos))
		return count;
	/* stop() gets the NULL. */
	kfree(count);
	return NULL;
}

static void sequence_stop(struct seq_file *m, void *v)
{
	kfree(v);
}

static int sequence_show(struct seq_file *m, void *v)
{
	loff_t *count = v;

	if (delay)
		msleep(delay);
	/* seq_pad() needs space for the newline: the line has width bytes. */
	seq_setwidth(m, width ? width - 1 : 0);
	seq_printf(m, "%lld", *count);
	seq_pad(m, '\n');
	return 0;
}

static const struct seq_operations sequence_ops = {
	.start	= sequence_start,
	.next	= sequence_next,
	.stop	= sequence_stop,
	.show	= sequence_show,
};

static int __init sequence_init(void)
{
	if (!proc_create_seq("sequence", 0444, NULL, &sequence_ops))
		return -ENOMEM;
	return 0;
}

static void __exit sequence_exit(void)
{
	remove_proc_entry("sequence", NULL);
}

module_init(sequence_init);
module_exit(sequence_exit);

MODULE_DESCRIPTION("seqtrace: an endless counter with an allocated iterator");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
