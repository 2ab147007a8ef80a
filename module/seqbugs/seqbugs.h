/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of /proc/seqbugs share: three hundred records, 27 bytes each,
 * so that every file crosses the first 4096-byte buffer at record 151.
 */
#ifndef SEQBUGS_H
#define SEQBUGS_H

#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>

#define SEQBUGS_RECORDS 300

/* The length of a record's text, in bytes. */
#define SEQBUGS_LINE 27

struct seqbugs_rec {
	int id;
};

extern struct seqbugs_rec seqbugs_recs[SEQBUGS_RECORDS];

/* The record with that ordinal, or NULL. */
static inline struct seqbugs_rec *seqbugs_rec(loff_t nr)
{
	if (nr < 0 || nr >= SEQBUGS_RECORDS)
		return NULL;
	return &seqbugs_recs[nr];
}

/* The record behind that one, or NULL. */
static inline struct seqbugs_rec *seqbugs_rec_after(const struct seqbugs_rec *rec)
{
	return seqbugs_rec(rec->id + 1);
}

/* SEQBUGS_LINE bytes. */
static inline void seqbugs_print(struct seq_file *m, int id)
{
	seq_printf(m, "record %03d abcdefghijklmno\n", id);
}

/*
 * What a file consists of. main.c makes of it a procfs file with read_iter, a
 * procfs file with read, a debugfs file, and for one of them a device. What is
 * NULL is the seq_file function of that name.
 */
struct seqbugs_file {
	/* NULL where open() is single_open(). */
	const struct seq_operations *ops;
	int (*open)(struct file *file, const struct seq_operations *ops);
	/* If open() is set, NULL means that there is no release. */
	int (*release)(struct inode *inode, struct file *file);
	loff_t (*llseek)(struct file *file, loff_t offset, int whence);
	/* There is no llseek(). */
	bool unseekable;
	ssize_t (*read)(struct file *file, char __user *buf, size_t size, loff_t *pos);
	ssize_t (*read_iter)(struct kiocb *iocb, struct iov_iter *to);
	/* NULL: the file cannot be written. */
	ssize_t (*write)(struct file *file, const char __user *buf, size_t size, loff_t *pos);
	/* The file with its bug repaired; NULL if it has none. */
	const struct seqbugs_file *fixed;
};

#define SEQBUG(name, kind, finds, role, what, ops, hint) \
	extern const struct seqbugs_file seqbugs_##name;
#include "table.h"
#undef SEQBUG

#endif /* SEQBUGS_H */
