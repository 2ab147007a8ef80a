// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/notepad: what is written to it is shown by each read, numbered by line.
 * `echo > /proc/notepad` empties it.
 */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define NOTEPAD_SIZE	2048

static char notepad_text[NOTEPAD_SIZE];
static size_t notepad_len;
static DEFINE_MUTEX(notepad_lock);

static int notepad_show(struct seq_file *m, void *v)
{
	unsigned int line = 1;
	size_t at = 0;

	mutex_lock(&notepad_lock);
	while (at < notepad_len) {
		char *end = memchr(notepad_text + at, '\n', notepad_len - at);
		size_t len = end ? end - (notepad_text + at) : notepad_len - at;

		seq_printf(m, "%3u  %.*s\n", line++, (int)len, notepad_text + at);
		at += len + 1;
	}
	mutex_unlock(&notepad_lock);
	return 0;
}

static int notepad_open(struct inode *inode, struct file *file)
{
	return single_open(file, notepad_show, NULL);
}

static ssize_t notepad_write(struct file *file, const char __user *from, size_t count,
			     loff_t *pos)
{
	ssize_t ret = count;

	if (count > NOTEPAD_SIZE)
		return -ENOSPC;
	mutex_lock(&notepad_lock);
	/* The oldest text makes room for the new one. */
	if (count > NOTEPAD_SIZE - notepad_len)
		notepad_len = 0;
	if (copy_from_user(notepad_text + notepad_len, from, count))
		ret = -EFAULT;
	else if (count == 1 && notepad_text[notepad_len] == '\n')
		notepad_len = 0;
	else
		notepad_len += count;
	mutex_unlock(&notepad_lock);
	return ret;
}

static const struct proc_ops notepad_ops = {
	.proc_open	= notepad_open,
	.proc_read	= seq_read,
	.proc_write	= notepad_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= single_release,
};

static int __init notepad_init(void)
{
	return proc_create("notepad", 0644, NULL, &notepad_ops) ? 0 : -ENOMEM;
}

static void __exit notepad_exit(void)
{
	remove_proc_entry("notepad", NULL);
}

module_init(notepad_init);
module_exit(notepad_exit);

MODULE_DESCRIPTION("A file in /proc that can be written and read");
MODULE_LICENSE("GPL");
