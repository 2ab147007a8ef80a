// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a file for each bug of a seq_file user, and for each look-alike (ok_...),
 * a correct file that resembles a bug. table.h lists them with the findings that
 * seqtrace must report; each source explains one behaviour.
 *
 * Each file exists several times, because there are several ways to register a
 * seq_file:
 *
 *   /proc/seqbugs/NAME                  with read_iter, most by proc_create_seq()
 *   /proc/seqbugs/plain/NAME            with .proc_read = seq_read
 *   /sys/kernel/debug/seqbugs/NAME      a debugfs file
 *   /dev/seqbugs                        a misc device: eof_stuck
 *   /proc/seqbugs/fixed/NAME            the bugs, each repaired; also in
 *   /proc/seqbugs/plain/fixed/NAME, /sys/kernel/debug/seqbugs/fixed/NAME,
 *   /dev/seqbugs_fixed
 *   /proc/seqbugs/link                  a symlink to eof_stuck
 *   /proc/seqbugs_alias                 a symlink to seqbugs
 *
 * Every read(2) of every file returns, and every file has an end for a reader
 * that reads it from 0 in blocks of 4096 bytes or more. With smaller blocks some
 * of the bugs have no end: limit the number of blocks.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/debugfs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/proc_fs.h>

#include "../compat.h"
#include "seqbugs.h"

struct seqbugs_rec seqbugs_recs[SEQBUGS_RECORDS];

static const struct {
	const char *name;
	const struct seqbugs_file *file;
} seqbugs_files[] = {
#define SEQBUG(name, kind, finds, role, what, ops, hint) { #name, &seqbugs_##name },
#include "table.h"
#undef SEQBUG
};

/* The folders that have a file. */
struct seqbugs_dirs {
	struct proc_dir_entry *iter;
	struct proc_dir_entry *plain;
	struct dentry *debugfs;
};

/* The operations of a file in each folder. */
struct seqbugs_ops {
	struct proc_ops iter;
	struct proc_ops plain;
	struct file_operations file;
};

struct seqbugs_dev {
	struct miscdevice misc;
	const struct seqbugs_file *file;
	struct file_operations ops;
};

static struct seqbugs_ops seqbugs_ops[ARRAY_SIZE(seqbugs_files)];
static struct seqbugs_ops seqbugs_fixed_ops[ARRAY_SIZE(seqbugs_files)];

static struct seqbugs_dirs dirs, fixed_dirs;
static struct proc_dir_entry *alias;
static struct seqbugs_dev seqbugs_dev = { .misc.name = "seqbugs" };
static struct seqbugs_dev seqbugs_fixed_dev = { .misc.name = "seqbugs_fixed" };

static int seqbugs_open(const struct seqbugs_file *of, struct file *file)
{
	return of->open ? of->open(file, of->ops) : seq_open(file, of->ops);
}

static int seqbugs_proc_open(struct inode *inode, struct file *file)
{
	return seqbugs_open(pde_data(inode), file);
}

static int seqbugs_debugfs_open(struct inode *inode, struct file *file)
{
	return seqbugs_open(inode->i_private, file);
}

static int seqbugs_dev_open(struct inode *inode, struct file *file)
{
	struct seqbugs_dev *dev = container_of(file->private_data, struct seqbugs_dev, misc);

	/* seq_open() warns if the pointer is not NULL. */
	file->private_data = NULL;
	return seqbugs_open(dev->file, file);
}

static void seqbugs_fill(struct seqbugs_ops *ops, const struct seqbugs_file *of)
{
	loff_t (*llseek)(struct file *file, loff_t offset, int whence) = of->llseek ?: seq_lseek;
	int (*release)(struct inode *inode, struct file *file) = of->release;

	if (of->unseekable)
		llseek = NULL;
	if (!of->open && !release)
		release = seq_release;

	ops->iter.proc_open = seqbugs_proc_open;
	ops->iter.proc_read_iter = of->read_iter ?: seq_read_iter;
	ops->iter.proc_write = of->write;
	ops->iter.proc_lseek = llseek;
	ops->iter.proc_release = release;

	ops->plain.proc_open = seqbugs_proc_open;
	ops->plain.proc_read = of->read ?: seq_read;
	ops->plain.proc_write = of->write;
	ops->plain.proc_lseek = llseek;
	ops->plain.proc_release = release;

	ops->file.owner = THIS_MODULE;
	ops->file.open = seqbugs_debugfs_open;
	ops->file.read = of->read ?: seq_read;
	ops->file.write = of->write;
	ops->file.llseek = llseek;
	ops->file.release = release;
}

/* Returns true if proc_create_seq() supports everything the file needs. */
static bool seqbugs_is_simple(const struct seqbugs_file *of)
{
	return !of->open && !of->release && !of->llseek && !of->unseekable &&
	       !of->read_iter && !of->write;
}

static int seqbugs_create(const char *name, const struct seqbugs_file *of,
			  struct seqbugs_ops *ops, const struct seqbugs_dirs *in)
{
	umode_t mode = of->write ? 0644 : 0444;
	struct proc_dir_entry *made;

	seqbugs_fill(ops, of);
	/* Ignores errors: without debugfs, the other folders have the file. */
	debugfs_create_file(name, mode, in->debugfs, (void *)of, &ops->file);
	if (!proc_create_data(name, mode, in->plain, &ops->plain, (void *)of))
		return -ENOMEM;
	if (seqbugs_is_simple(of))
		made = proc_create_seq(name, mode, in->iter, of->ops);
	else
		made = proc_create_data(name, mode, in->iter, &ops->iter, (void *)of);
	return made ? 0 : -ENOMEM;
}

static int seqbugs_create_all(void)
{
	size_t i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(seqbugs_files) && !ret; i++) {
		const struct seqbugs_file *of = seqbugs_files[i].file;
		const char *name = seqbugs_files[i].name;

		ret = seqbugs_create(name, of, &seqbugs_ops[i], &dirs);
		if (!ret && of->fixed)
			ret = seqbugs_create(name, of->fixed, &seqbugs_fixed_ops[i],
					     &fixed_dirs);
	}
	return ret;
}

static int seqbugs_create_dirs(void)
{
	dirs.iter = proc_mkdir("seqbugs", NULL);
	if (!dirs.iter)
		return -ENOMEM;
	dirs.plain = proc_mkdir("plain", dirs.iter);
	if (!dirs.plain)
		return -ENOMEM;
	dirs.debugfs = debugfs_create_dir("seqbugs", NULL);
	fixed_dirs.iter = proc_mkdir("fixed", dirs.iter);
	fixed_dirs.plain = proc_mkdir("fixed", dirs.plain);
	fixed_dirs.debugfs = debugfs_create_dir("fixed", dirs.debugfs);
	alias = proc_symlink("seqbugs_alias", NULL, "seqbugs");
	if (!fixed_dirs.iter || !fixed_dirs.plain || !alias ||
	    !proc_symlink("link", dirs.iter, "eof_stuck"))
		return -ENOMEM;
	return 0;
}

static int seqbugs_create_dev(struct seqbugs_dev *dev, const struct seqbugs_file *of,
			      const struct seqbugs_ops *ops)
{
	dev->file = of;
	dev->ops = ops->file;
	dev->ops.open = seqbugs_dev_open;
	dev->misc.minor = MISC_DYNAMIC_MINOR;
	dev->misc.mode = 0444;
	dev->misc.fops = &dev->ops;
	return misc_register(&dev->misc);
}

static int seqbugs_create_devs(void)
{
	struct seqbugs_ops ops = {};
	int ret;

	seqbugs_fill(&ops, &seqbugs_eof_stuck);
	ret = seqbugs_create_dev(&seqbugs_dev, &seqbugs_eof_stuck, &ops);
	if (ret)
		return ret;
	ret = seqbugs_create_dev(&seqbugs_fixed_dev, seqbugs_eof_stuck.fixed, &ops);
	if (ret)
		misc_deregister(&seqbugs_dev.misc);
	return ret;
}

static void seqbugs_remove(void)
{
	debugfs_remove_recursive(dirs.debugfs);
	proc_remove(alias);
	proc_remove(dirs.iter);
}

static int __init seqbugs_init(void)
{
	size_t i;
	int ret;

	for (i = 0; i < SEQBUGS_RECORDS; i++)
		seqbugs_recs[i].id = i;

	ret = seqbugs_create_dirs();
	if (!ret)
		ret = seqbugs_create_all();
	if (!ret)
		ret = seqbugs_create_devs();
	if (ret)
		seqbugs_remove();
	return ret;
}

static void __exit seqbugs_exit(void)
{
	misc_deregister(&seqbugs_fixed_dev.misc);
	misc_deregister(&seqbugs_dev.misc);
	seqbugs_remove();
}

module_init(seqbugs_init);
module_exit(seqbugs_exit);

MODULE_DESCRIPTION("seqtrace: seq_file bugs and their innocent look-alikes");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
