// SPDX-License-Identifier: GPL-2.0
/*
 * The cursor outlives the lock: between two reads it points to a record that
 * nothing keeps, and the record is freed. Here stop() plays the other task, which
 * deletes the record that next() has just handed out, and nothing is really
 * freed: where a module of this kind would read freed memory, this one finds the
 * mark of a dead record, and ends.
 *
 *   # cat uaf_sim                    151 records, and no error
 *   # dd if=uaf_sim bs=27            record 0
 *
 * Looks like: ok_volatile, which resumes behind a record that went away.
 * seqtrace says: SQ104 (vanished), and SQ202 for the record handed out.
 *
 * In the kernel's neighbourhood: the OpenZFS procfs_list, whose nodes could be
 * freed between reads.
 */

#include <linux/bitmap.h>

#include "seqbugs.h"

struct uaf_sim {
	struct seqbugs_rec *at;		/* the bug: kept from stop() to start() */
	DECLARE_BITMAP(dead, SEQBUGS_RECORDS);
};

static struct seqbugs_rec *uaf_sim_alive(struct uaf_sim *list, int nr)
{
	return seqbugs_rec(find_next_zero_bit(list->dead, SEQBUGS_RECORDS, nr));
}

static void *uaf_sim_start(struct seq_file *m, loff_t *pos)
{
	struct uaf_sim *list = m->private;

	if (*pos == 0)
		list->at = uaf_sim_alive(list, 0);
	else if (list->at && test_bit(list->at->id, list->dead))
		list->at = NULL;	/* here memory would be read after free */
	return list->at;
}

static void *uaf_sim_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct uaf_sim *list = m->private;
	struct seqbugs_rec *rec = v;

	++*pos;
	list->at = uaf_sim_alive(list, rec->id + 1);
	return list->at;
}

/* Another task gets the lock, and deletes a record. */
static void uaf_sim_stop(struct seq_file *m, void *v)
{
	struct uaf_sim *list = m->private;
	struct seqbugs_rec *rec = v;

	if (rec)
		__set_bit(rec->id, list->dead);
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

static int uaf_sim_open(struct inode *inode, struct file *file)
{
	return seq_open_private(file, &uaf_sim_ops, sizeof(struct uaf_sim));
}

static const struct proc_ops uaf_sim_proc_ops = {
	.proc_open	= uaf_sim_open,
	.proc_read_iter	= seq_read_iter,
	.proc_lseek	= seq_lseek,
	.proc_release	= seq_release_private,
};

const struct seqbugs_file seqbugs_uaf_sim = { .proc_ops = &uaf_sim_proc_ops };
