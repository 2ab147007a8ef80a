// SPDX-License-Identifier: GPL-2.0
/*
 * The cursor outlives the lock: between two reads it points to a record that no
 * reference keeps, and the record is freed. Here stop() acts as the other task: it
 * replaces the record that next() has just returned by a new one with the same
 * number, which happens to have the same address. Nothing is really freed: where a
 * module with this bug would read freed memory, this one knows that the record at
 * its cursor is gone, and ends the file.
 *
 *   # cat uaf_sim                    151 records, and no error
 *   # dd if=uaf_sim bs=27            record 0
 *
 * Looks like: ok_volatile, which resumes after a record that was removed.
 * seqtrace reports: SQ104 (vanished), and SQ202 for the record that next() returned.
 * The fix: start() looks for the record by *pos and finds the new one.
 *
 * Outside of the kernel tree: the OpenZFS procfs_list, whose nodes could be freed
 * between reads.
 */

#include "seqbugs.h"

struct uaf_sim {
	struct seqbugs_rec *at;		/* the bug: kept from stop() to start() */
	struct seqbugs_rec *freed;	/* the record freed last */
};

static void *uaf_sim_start(struct seq_file *m, loff_t *pos)
{
	struct uaf_sim *list = m->private;

	if (*pos == 0)
		list->at = seqbugs_rec(0);
	else if (list->at == list->freed)
		list->at = NULL;	/* a module with this bug reads freed memory here */
	return list->at;
}

static void *uaf_sim_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct uaf_sim *list = m->private;

	++*pos;
	list->at = seqbugs_rec_after(v);
	return list->at;
}

/* Acts as another task that gets the lock and replaces a record. */
static void uaf_sim_stop(struct seq_file *m, void *v)
{
	struct uaf_sim *list = m->private;

	list->freed = v;
}

static int uaf_sim_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations uaf_sim_ops = {
	.start	= uaf_sim_start,
	.next	= uaf_sim_next,
	.stop	= uaf_sim_stop,
	.show	= uaf_sim_show,
};

static int uaf_sim_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct uaf_sim));
}

static void *uaf_sim_fixed_start(struct seq_file *m, loff_t *pos)
{
	return seqbugs_rec(*pos);
}

static const struct seq_operations uaf_sim_fixed_ops = {
	.start	= uaf_sim_fixed_start,
	.next	= uaf_sim_next,
	.stop	= uaf_sim_stop,
	.show	= uaf_sim_show,
};

static const struct seqbugs_file uaf_sim_fixed = {
	.ops		= &uaf_sim_fixed_ops,
	.open		= uaf_sim_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_uaf_sim = {
	.ops		= &uaf_sim_ops,
	.open		= uaf_sim_open,
	.release	= seq_release_private,
	.fixed		= &uaf_sim_fixed,
};
