// SPDX-License-Identifier: GPL-2.0
/*
 * A live patch of seq_release(), which does the same as the original. seqtrace
 * probes that function: xtask/e2e/beside.sh loads and unloads the patch in the
 * middle of a trace.
 */

#include <linux/fs.h>
#include <linux/livepatch.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

static int patched_seq_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	kvfree(m->buf);
	kfree(m);
	return 0;
}

static struct klp_func functions[] = {
	{ .old_name = "seq_release", .new_func = patched_seq_release },
	{ }
};

static struct klp_object objects[] = {
	{ .funcs = functions },
	{ }
};

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static int __init livepatch_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit livepatch_exit(void)
{
}

module_init(livepatch_init);
module_exit(livepatch_exit);
MODULE_DESCRIPTION("Live patch of seq_release()");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
