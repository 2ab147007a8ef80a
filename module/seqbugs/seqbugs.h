/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of /proc/seqbugs share: three hundred records, 27 bytes each,
 * so that every file crosses the first 4096-byte buffer at record 151.
 */
#ifndef SEQBUGS_H
#define SEQBUGS_H

#include <linux/kernel.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#define SEQBUGS_RECORDS 300

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

/* 27 bytes. */
static inline void seqbugs_print(struct seq_file *m, int id)
{
	seq_printf(m, "record %03d abcdefghijklmno\n", id);
}

/*
 * A file is either a seq_operations, and procfs opens and releases it, or a
 * proc_ops that does so itself.
 */
struct seqbugs_file {
	const struct seq_operations *ops;
	const struct proc_ops *proc_ops;
};

#define SEQBUG(name, kind, finds, what, ops, hint) \
	extern const struct seqbugs_file seqbugs_##name;
#include "table.h"
#undef SEQBUG

#endif /* SEQBUGS_H */
