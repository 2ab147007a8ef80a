// SPDX-License-Identifier: GPL-2.0
/*
 * A queue: next() removes the record that was shown, so reading consumes it. Any
 * write fills the queue again.
 *
 *   # cat ok_consumed; cat ok_consumed       a hundred records, and nothing
 *   # echo > ok_consumed                     a hundred records
 *
 * Looks like: a file whose text depends on how it is read. It does.
 * seqtrace reports: none; check refuses to read it, and with --force it gives no
 * reproduce command.
 *
 * In the kernel: /proc/kmsg, tracefs trace_pipe.
 */

#include <linux/mutex.h>

#include "seqbugs.h"

#define OK_CONSUMED_RECORDS 100

static struct {
	struct mutex lock;	/* held from start() to stop() */
	int gone;
} ok_consumed = {
	.lock = __MUTEX_INITIALIZER(ok_consumed.lock),
};

static struct seqbugs_rec *ok_consumed_first(void)
{
	return ok_consumed.gone < OK_CONSUMED_RECORDS ? seqbugs_rec(ok_consumed.gone) : NULL;
}

static void *ok_consumed_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&ok_consumed.lock);
	return ok_consumed_first();
}

static void *ok_consumed_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	ok_consumed.gone++;
	return ok_consumed_first();
}

static void ok_consumed_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&ok_consumed.lock);
}

static int ok_consumed_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_consumed_ops = {
	.start	= ok_consumed_start,
	.next	= ok_consumed_next,
	.stop	= ok_consumed_stop,
	.show	= ok_consumed_show,
};

static ssize_t ok_consumed_write(struct file *file, const char __user *buf, size_t size,
				 loff_t *pos)
{
	mutex_lock(&ok_consumed.lock);
	ok_consumed.gone = 0;
	mutex_unlock(&ok_consumed.lock);
	return size;
}

const struct seqbugs_file seqbugs_ok_consumed = {
	.ops	= &ok_consumed_ops,
	.write	= ok_consumed_write,
};
