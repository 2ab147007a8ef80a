/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by seq_file.c and single_file.c: the path of their file, and the check
 * that it does not exist yet.
 */
#ifndef SEQTRACE_SEQFILES_H
#define SEQTRACE_SEQFILES_H

#include <linux/namei.h>
#include <linux/path.h>
#include <linux/printk.h>

#define SEQFILES_DIR	"seqfiles"
#define SEQFILES_FILE	"seqfile"

/*
 * Both modules create the same file, so only one of them can be loaded. procfs
 * reports a second registration with a WARN and a stack trace, which does not
 * help a user. This check comes first and prints the cause.
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
