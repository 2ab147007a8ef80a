// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/mod_node and /proc/mod_dir/mod_node: procfs without seq_file. Read and
 * write handlers of their own on one message of at most 160 bytes.
 *
 *	# cat /proc/mod_node
 *	Hello from module!
 *
 * It shows: open, read, write and release with sizes. cat requests 131072 bytes
 * and gets 19, requests again and gets 0.
 *
 * seqtrace reports: none, and that the file has no callbacks, because nothing
 * calls seq_open().
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/uaccess.h>

#include "compat.h"

#define MESSAGE_MAX 160

static DEFINE_MUTEX(message_lock);
static char message[MESSAGE_MAX] = "Hello from module!\n";
static size_t message_len;

static struct proc_dir_entry *dir;
static struct proc_dir_entry *node;

static ssize_t mod_proc_read(struct file *file, char __user *ubuf,
			     size_t len, loff_t *ppos)
{
	ssize_t ret;

	mutex_lock(&message_lock);
	ret = simple_read_from_buffer(ubuf, len, ppos, message, message_len);
	mutex_unlock(&message_lock);
	return ret;
}

/* A write replaces the message, whatever the file offset is. */
static ssize_t mod_proc_write(struct file *file, const char __user *ubuf,
			      size_t len, loff_t *ppos)
{
	char new[MESSAGE_MAX];

	if (len > sizeof(new))
		return -ENOSPC;
	if (copy_from_user(new, ubuf, len))
		return -EFAULT;

	mutex_lock(&message_lock);
	memcpy(message, new, len);
	message_len = len;
	mutex_unlock(&message_lock);
	return len;
}

static const struct proc_ops mod_proc_ops = {
	.proc_read	= mod_proc_read,
	.proc_write	= mod_proc_write,
	.proc_lseek	= default_llseek,
};

static int __init mod_proc_init(void)
{
	message_len = strlen(message);

	node = proc_create("mod_node", 0644, NULL, &mod_proc_ops);
	if (!node)
		return -ENOMEM;
	dir = proc_mkdir("mod_dir", NULL);
	if (!dir)
		goto remove_node;
	if (!proc_create("mod_node", 0644, dir, &mod_proc_ops))
		goto remove_dir;
	return 0;

remove_dir:
	proc_remove(dir);
remove_node:
	proc_remove(node);
	return -ENOMEM;
}

static void __exit mod_proc_exit(void)
{
	proc_remove(dir);
	proc_remove(node);
}

module_init(mod_proc_init);
module_exit(mod_proc_exit);

MODULE_DESCRIPTION("seqtrace: plain procfs files with handlers of their own");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
