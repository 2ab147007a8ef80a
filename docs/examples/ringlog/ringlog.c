// SPDX-License-Identifier: GPL-2.0
/*
 * A log in memory: /proc/ringlog keeps the last lines that were written to it,
 * 256 or `lines=N`. The position of a line is its number since the module was
 * loaded, so a reader that was slower than the writers goes on with the oldest
 * line that is left, and gets no line twice.
 */

#include <linux/fs.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#define RINGLOG_TEXT	64

struct ringlog_line {
	u64 time;
	int pid;
	char text[RINGLOG_TEXT];
};

static unsigned int lines = 256;
module_param(lines, uint, 0444);
MODULE_PARM_DESC(lines, "number of lines that are kept");

static struct ringlog_line *ring;
/* Number of lines that were ever written. */
static loff_t head;
static DEFINE_MUTEX(ringlog_lock);

static void *ringlog_at(loff_t pos)
{
	return pos < head ? &ring[(unsigned long)pos % lines] : NULL;
}

static void *ringlog_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&ringlog_lock);
	if (head > lines && *pos < head - lines)
		*pos = head - lines;
	return ringlog_at(*pos);
}

static void *ringlog_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return ringlog_at(*pos);
}

static void ringlog_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&ringlog_lock);
}

static int ringlog_show(struct seq_file *m, void *v)
{
	struct ringlog_line *line = v;

	seq_printf(m, "%8llu.%06llu %d %s\n", line->time / NSEC_PER_SEC,
		   line->time % NSEC_PER_SEC / NSEC_PER_USEC, line->pid, line->text);
	return 0;
}

static const struct seq_operations ringlog_seq_ops = {
	.start	= ringlog_start,
	.next	= ringlog_next,
	.stop	= ringlog_stop,
	.show	= ringlog_show,
};

static void ringlog_add(const char *text)
{
	struct ringlog_line *line;

	mutex_lock(&ringlog_lock);
	line = &ring[(unsigned long)head % lines];
	line->time = ktime_get_ns();
	line->pid = task_pid_nr(current);
	strscpy(line->text, text, sizeof(line->text));
	head++;
	mutex_unlock(&ringlog_lock);
}

static int ringlog_open(struct inode *inode, struct file *file)
{
	return seq_open(file, &ringlog_seq_ops);
}

static ssize_t ringlog_write(struct file *file, const char __user *from, size_t count,
			     loff_t *pos)
{
	char text[RINGLOG_TEXT];
	size_t len = min(count, sizeof(text) - 1);

	if (copy_from_user(text, from, len))
		return -EFAULT;
	text[len] = 0;
	ringlog_add(strim(text));
	return count;
}

static const struct proc_ops ringlog_ops = {
	.proc_open	= ringlog_open,
	.proc_read	= seq_read,
	.proc_write	= ringlog_write,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release,
};

static int __init ringlog_init(void)
{
	if (!lines)
		return -EINVAL;
	ring = kvcalloc(lines, sizeof(*ring), GFP_KERNEL);
	if (!ring)
		return -ENOMEM;
	ringlog_add("loaded");
	if (!proc_create("ringlog", 0644, NULL, &ringlog_ops)) {
		kvfree(ring);
		return -ENOMEM;
	}
	return 0;
}

static void __exit ringlog_exit(void)
{
	remove_proc_entry("ringlog", NULL);
	kvfree(ring);
}

module_init(ringlog_init);
module_exit(ringlog_exit);

MODULE_DESCRIPTION("A log in memory with a file in /proc");
MODULE_LICENSE("GPL");
