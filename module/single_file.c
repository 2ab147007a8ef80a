// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/seqfiles/seqfile again, with single_open(): seq_file.c without an
 * iterator of its own. Only one of the two modules can be loaded; the second
 * is refused with EEXIST.
 *
 * With single_open() the module has no next() that could consume the text, so
 * show() does it, but only if the text fitted: if it did not, the core discards
 * it and calls show() again with a larger buffer.
 *
 * It shows: open, write, release for each echo; then open, a read with show, a
 * read without, release. start, next and stop are the kernel's single_start,
 * single_next and single_stop, in a table that is allocated for each open.
 *
 * seqtrace reports: none. check reports that another read renders other text
 * (SQ204, info): a file that reading consumes is volatile.
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
	struct mutex lock;	/* protects the text */
	size_t len;
	char buf[TEXT_MAX];
};

static struct text text = {
	.lock = __MUTEX_INITIALIZER(text.lock),
};

static struct proc_dir_entry *dir;

static int single_file_show(struct seq_file *m, void *v)
{
	struct text *t = m->private;

	mutex_lock(&t->lock);
	seq_write(m, t->buf, t->len);
	if (!seq_has_overflowed(m))
		t->len = 0;
	mutex_unlock(&t->lock);
	return 0;
}

static int single_file_open(struct inode *inode, struct file *file)
{
	return single_open(file, single_file_show, pde_data(inode));
}

static ssize_t single_file_write(struct file *file, const char __user *ubuf,
				 size_t len, loff_t *ppos)
{
	struct text *t = pde_data(file_inode(file));
	ssize_t ret = len;
	char *new;

	if (len > TEXT_MAX)
		return -ENOSPC;
	new = memdup_user(ubuf, len);
	if (IS_ERR(new))
		return PTR_ERR(new);

	mutex_lock(&t->lock);
	if (len > TEXT_MAX - t->len) {
		ret = -ENOSPC;
	} else {
		memcpy(t->buf + t->len, new, len);
		t->len += len;
	}
	mutex_unlock(&t->lock);

	kfree(new);
	return ret;
}

static const struct proc_ops single_file_proc_ops = {
	.proc_open	= single_file_open,
	.proc_read	= seq_read,
	.proc_write	= single_file_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

static int __init single_file_init(void)
{
	int err = seqfiles_taken();

	if (err)
		return err;

	dir = proc_mkdir(SEQFILES_DIR, NULL);
	if (!dir)
		return -ENOMEM;
	if (!proc_create_data(SEQFILES_FILE, 0644, dir, &single_file_proc_ops, &text)) {
		proc_remove(dir);
		return -ENOMEM;
	}
	return 0;
}

static void __exit single_file_exit(void)
{
	proc_remove(dir);
}

module_init(single_file_init);
module_exit(single_file_exit);

MODULE_DESCRIPTION("seqtrace: a text that is appended to and consumed, with single_open()");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
