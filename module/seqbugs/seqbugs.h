/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Shared by the files of /proc/seqbugs: three hundred records of 27 bytes, so that
 * every file overflows the first 4096-byte buffer at record 151.
 */
#ifndef SEQBUGS_H
#define SEQBUGS_H

#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>

#define SEQBUGS_RECORDS 300

/* Length of a record's text in bytes. */
#define SEQBUGS_LINE 27

struct seqbugs_rec {
	int id;
};

extern struct seqbugs_rec seqbugs_recs[SEQBUGS_RECORDS];

/* Returns record nr, or NULL if there is none. */
static inline struct seqbugs_rec *seqbugs_rec(loff_t nr)
{
	if (nr < 0 || nr >= SEQBUGS_RECORDS)
		return NULL;
	return &seqbugs_recs[nr];
}

/* Returns the record after rec, or NULL if rec is the last. */
static inline struct seqbugs_rec *seqbugs_rec_after(const struct seqbugs_rec *rec)
{
	return seqbugs_rec(rec->id + 1);
}

/* Prints a record, SEQBUGS_LINE bytes. */
static inline void seqbugs_print(struct seq_file *m, int id)
{
	seq_printf(m, "record %03d abcdefghijklmno\n", id);
}

/*
 * Description of a file, from which main.c makes a procfs file with read_iter, a
 * procfs file with read, a debugfs file, and for one of them a device. For a NULL
 * function, the seq_file function of that name is used.
 */
struct seqbugs_file {
	/* NULL if open() calls single_open(). */
	const struct seq_operations *ops;
	int (*open)(struct file *file, const struct seq_operations *ops);
	/* NULL means no release if open is set. */
	int (*release)(struct inode *inode, struct file *file);
	loff_t (*llseek)(struct file *file, loff_t offset, int whence);
	/* If true, the file has no llseek(). */
	bool unseekable;
	ssize_t (*read)(struct file *file, char __user *buf, size_t size, loff_t *pos);
	ssize_t (*read_iter)(struct kiocb *iocb, struct iov_iter *to);
	/* NULL: the file is read-only. */
	ssize_t (*write)(struct file *file, const char __user *buf, size_t size, loff_t *pos);
	/* The repaired file; NULL if the file has no bug. */
	const struct seqbugs_file *fixed;
};

#define SEQBUG(name, kind, finds, role, what, ops, hint) \
	extern const struct seqbugs_file seqbugs_##name;
#include "table.h"
#undef SEQBUG

#endif /* SEQBUGS_H */
