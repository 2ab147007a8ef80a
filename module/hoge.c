// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel reads a seq_file of its own, once, while the module is loaded.
 *
 * The file has no name in /proc: it is anonymous, and the task that runs insmod
 * opens, reads and closes it. It has ten records, hoge1: to hoge10:, and its
 * stop() writes a footer:
 *
 *	# insmod hoge.ko size=100; dmesg
 *	hoge: hoge1:hoge2:hoge3:hoge4:hoge5:hoge6:hoge7:hoge8:hoge9:hoge10:[end]
 *	# rmmod hoge; insmod hoge.ko size=10; dmesg
 *	hoge: hoge1:hoge
 *
 * With a short read, the footer is after the bytes that the reader asked for: it
 * stays in the core's buffer, which is freed with it.
 *
 * It shows: a session without a path in a file system, with one read and the
 * release, all in insmod.
 *
 * seqtrace reports: SQ303, output in stop.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "compat.h"

#define HOGE_RECORDS	10
#define HOGE_SIZE_MAX	4096

static unsigned int size = 100;
module_param(size, uint, 0444);
MODULE_PARM_DESC(size, "bytes to read, 1 to 4096 (default 100)");

static const char * const hoge[HOGE_RECORDS] = {
	"hoge1:", "hoge2:", "hoge3:", "hoge4:", "hoge5:",
	"hoge6:", "hoge7:", "hoge8:", "hoge9:", "hoge10:",
};

static void *hoge_at(loff_t pos)
{
	return pos < HOGE_RECORDS ? (void *)&hoge[pos] : NULL;
}

static void *hoge_start(struct seq_file *m, loff_t *pos)
{
	return hoge_at(*pos);
}

static void *hoge_next(struct seq_file *m, void *v, loff_t *pos)
{
	return hoge_at(++*pos);
}

static void hoge_stop(struct seq_file *m, void *v)
{
	seq_puts(m, "[end]\n");
}

static int hoge_show(struct seq_file *m, void *v)
{
	const char * const *text = v;

	seq_puts(m, *text);
	return 0;
}

static const struct seq_operations hoge_ops = {
	.start	= hoge_start,
	.next	= hoge_next,
	.stop	= hoge_stop,
	.show	= hoge_show,
};

static int hoge_release(struct inode *inode, struct file *file)
{
	return file->private_data ? seq_release(inode, file) : 0;
}

/* kernel_read() requires read_iter() without read(). */
static const struct file_operations hoge_fops = {
	.owner		= THIS_MODULE,
	.read_iter	= seq_read_iter,
	.llseek		= seq_lseek,
	.release	= hoge_release,
};

static int __init hoge_init(void)
{
	struct file *file;
	loff_t pos = 0;
	ssize_t len;
	char *buf;
	int err;

	if (!size || size > HOGE_SIZE_MAX) {
		pr_err("size=%u: must be 1 to %u\n", size, HOGE_SIZE_MAX);
		return -EINVAL;
	}
	buf = kmalloc(size, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;

	file = anon_inode_getfile("[hoge]", &hoge_fops, NULL, O_RDONLY);
	if (IS_ERR(file)) {
		err = PTR_ERR(file);
		pr_err("no file: %d\n", err);
		goto free;
	}

	/*
	 * From here on init must not fail: fput() defers the release until the
	 * task returns to user space, and a failed init would free hoge_fops
	 * before that.
	 */
	err = seq_open(file, &hoge_ops);
	len = err ? err : kernel_read(file, buf, size, &pos);
	if (len < 0)
		pr_err("not read: %zd\n", len);
	else
		pr_info("%.*s\n", (int)len, buf);
	fput(file);
	err = 0;
free:
	kfree(buf);
	return err;
}

static void __exit hoge_exit(void)
{
}

module_init(hoge_init);
module_exit(hoge_exit);

MODULE_DESCRIPTION("seqtrace: the kernel reads a seq_file of its own");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
