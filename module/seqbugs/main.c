// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/seqbugs: one file a bug of a seq_file user, and beside each the
 * innocent look-alike (ok_...) that must stay clean. table.h lists them with
 * what seqtrace must say of each; the sources, one behaviour each, say why.
 *
 * Every read(2) of every file returns, and every file has an end for a reader
 * that reads it from 0 in blocks of 4096 bytes or more. Smaller blocks may
 * never see the end of some of the bugs: limit them.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>

#include "../compat.h"
#include "seqbugs.h"

struct seqbugs_rec seqbugs_recs[SEQBUGS_RECORDS];

static const struct {
	const char *name;
	const struct seqbugs_file *file;
} seqbugs_files[] = {
#define SEQBUG(name, kind, finds, what, ops, hint) { #name, &seqbugs_##name },
#include "table.h"
#undef SEQBUG
};

static struct proc_dir_entry *dir;

static struct proc_dir_entry *seqbugs_create(const char *name,
					     const struct seqbugs_file *file)
{
	if (file->proc_ops)
		return proc_create(name, 0444, dir, file->proc_ops);
	return proc_create_seq(name, 0444, dir, file->ops);
}

static int __init seqbugs_init(void)
{
	size_t i;

	for (i = 0; i < SEQBUGS_RECORDS; i++)
		seqbugs_recs[i].id = i;

	dir = proc_mkdir("seqbugs", NULL);
	if (!dir)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(seqbugs_files); i++) {
		if (!seqbugs_create(seqbugs_files[i].name, seqbugs_files[i].file)) {
			proc_remove(dir);
			return -ENOMEM;
		}
	}
	return 0;
}

static void __exit seqbugs_exit(void)
{
	proc_remove(dir);
}

module_init(seqbugs_init);
module_exit(seqbugs_exit);

MODULE_DESCRIPTION("seqtrace: seq_file bugs and their innocent look-alikes");
MODULE_AUTHOR("The seqtrace developers");
MODULE_LICENSE("GPL");
