/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What seq_file.c and single_file.c share: the path, and the check that nobody
 * else has it.
 */
#ifndef SEQTRACE_SEQFILES_H
#define SEQTRACE_SEQFILES_H

#include <linux/namei.h>
#include <linux/path.h>
#include <linux/printk.h>

#define SEQFILES_DIR	"seqfiles"
#define SEQFILES_FILE	"seqfile"

/*
 * Both modules make the same file and only one of them can have it. procfs
 * answers a second registration with a WARN and a stack trace, which is no
 * answer for a user, so look before making it. The error names the cause.
 */
static inline int seqfiles_taken(void)
{
	struct path path;

	if (kern_path("/proc/" SEQFILES_DIR, 0, &path))
		return 0;
	path_put(&path);
	pr_err("/proc/%s/%s exists: only one of seq_file and single_file can be loaded\n",
	       SEQFILES_DIR, SEQFILES_FILE);
	return -EEXIST;
}

#endif /* SEQTRACE_SEQFILES_H */
