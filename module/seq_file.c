// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/seqfiles/seqfile, a minimal implementation of the four callbacks.
 *
 * Writes append to one text. The iterator has one element, the whole text;
 * reading prints it, and moving past it consumes it, so that a second cat
 * prints nothing:
 *
 *	# for w in aaaaa bbbbb ccccc; do echo $w > /proc/seqfiles/seqfile; done
 *	# cat /proc/seqfiles/seqfile
 *	aaaaa
 *	bbbbb
 *	ccccc
 *	# cat /proc/seqfiles/seqfile
 *
 * next() consumes the text, not show(): the core calls show() again if the text
 * did not fit into its buffer, and the text would be lost if show() had already
 * deleted it.
 *
 * It shows: three sessions open/write/release, then open, a read with
 * start -> pointer, show, next -> NULL, stop(NULL), a read with start -> NULL,
 * stop(NULL), release.
 *
 * seqtrace reports: none. check, which reads the file more than once, reports
 * that another read renders other text (SQ204, info): a file that reading
 * consumes is volatile.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "seqfiles.h"

/* Four pages, so that a long text makes the core double its buffer. */
#define TEXT_MAX (4 * PAGE_SIZE)

struct text {
	struct mutex lock;	/* protects the text; held from start() to stop() */
	size_t len;
	char buf[TEXT_MAX];
};

static struct text text = {
	.lock = __MUTEX_INITIALIZER(text.lock),
};

static struct proc_dir_entry *dir;

static void *seqfile_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&text.lock);
	return *pos == 0 && text.len ? &text : NULL;
}

static void *seqfile_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct text *t = v;

	++*pos;
	t->len = 0;
	return NULL;
}

static void seqfile_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&text.lock);
}

static int seqfile_show(struct seq_file *m, void *v)
{
	struct text *t = v;

	seq_write(m, t->buf, t->len);
	return 0;
}

static const struct seq_operations seqfile_ops = {
	.start	= seqfile_start,
	.next	= seqfile_next,
	.stop	= seqfile_stop,
	.show	= seqfile_show,
};

static int seqfile_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &seqfile_ops);
}

static ssize_t seqfile_write(struct file *file, const char __user *ubuf,
			     size_t len, loff_t *ppos)
{
	ssize_t ret = len;
	char *new;

	if (len > TEXT_MAX)
		return -ENOSPC;
	new = memdup_user(ubuf, len);
	if (IS_ERR(new))
		return PTR_ERR(new);

	mutex_lock(&text.lock);
	if (len > TEXT_MAX - text.len) {
		ret = -ENOSPC;
	} else {
		memcpy(text.buf + text.len, new, len);
		text.len += len;
	}
	mutex_unlock(&text.lock);

	kfree(new);
	return ret;
}

static const struct proc_ops seqfile_proc_ops = {
	.proc_open	= seqfile_open,
	.proc_read	= seq_read,
	.proc_write	= seqfile_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release,
};

static int __init seqfile_init(void)
{
	int err = seqfiles_taken();

	if (err)
		return err;

	dir = proc_mkdir(SEQFILES_DIR, NULL);
	if (!dir)
		return -ENOMEM;
	if (!proc_create(SEQFILES_FILE, 0644, dir, &seqfile_proc_ops)) {
		proc_remove(dir);
		return -ENOMEM;
	}
	return 0;
}

static void __exit seqfile_exit(void)
{
	proc_remove(dir);
}

module_init(seqfile_init);
module_exit(seqfile_exit);

MODULE_DESCRIPTION("seqtrace: a text that is appended to and consumed, with seq_open()");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
