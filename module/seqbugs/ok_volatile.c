// SPDX-License-Identifier: GPL-2.0
/*
 * A list that changes: whenever the lock is free, one record is removed and
 * another one added, sometimes the one that next() has returned. The positions
 * are keys that stay with their records, so start() resumes with the first record
 * from that key on: a record that stays in the list is shown once.
 *
 * Looks like: late, uaf_sim, ordinal: start() does not resume with the record that
 * next() returned.
 * seqtrace reports: none; that the list changed is information.
 */

#include <linux/bitmap.h>
#include <linux/mutex.h>

#include "seqbugs.h"

#define OK_VOLATILE_SLOTS	400
#define OK_VOLATILE_DEAD	40

static struct {
	struct mutex lock;	/* held from start() to stop() */
	DECLARE_BITMAP(dead, OK_VOLATILE_SLOTS);
	unsigned int changes;
	unsigned int seed;
	int grave[OK_VOLATILE_DEAD];
} ok_volatile = {
	.lock = __MUTEX_INITIALIZER(ok_volatile.lock),
};

static struct seqbugs_rec ok_volatile_recs[OK_VOLATILE_SLOTS];

/* Returns the first record in use from that slot on, and sets its slot. */
static void *ok_volatile_find(loff_t slot, loff_t *pos)
{
	if (slot < OK_VOLATILE_SLOTS)
		slot = find_next_zero_bit(ok_volatile.dead, OK_VOLATILE_SLOTS, slot);
	*pos = slot;
	if (slot >= OK_VOLATILE_SLOTS)
		return NULL;
	ok_volatile_recs[slot].id = slot;
	return &ok_volatile_recs[slot];
}

static void ok_volatile_kill(int slot)
{
	int *grave = &ok_volatile.grave[ok_volatile.changes % OK_VOLATILE_DEAD];

	if (test_bit(slot, ok_volatile.dead))
		return;
	if (ok_volatile.changes >= OK_VOLATILE_DEAD)
		__clear_bit(*grave, ok_volatile.dead);
	__set_bit(slot, ok_volatile.dead);
	*grave = slot;
	ok_volatile.changes++;
}

static void *ok_volatile_start(struct seq_file *m, loff_t *pos)
{
	mutex_lock(&ok_volatile.lock);
	return ok_volatile_find(*pos, pos);
}

static void *ok_volatile_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ok_volatile_find(*pos + 1, pos);
}

/* Makes two changes; sometimes the second is to the record next() returned. */
static void ok_volatile_stop(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	ok_volatile.seed = ok_volatile.seed * 1103515245 + 12345;
	ok_volatile_kill((ok_volatile.seed >> 16) % OK_VOLATILE_SLOTS);
	if (rec && (ok_volatile.seed >> 16) % 4 == 0)
		ok_volatile_kill(rec->id);
	mutex_unlock(&ok_volatile.lock);
}

static int ok_volatile_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_volatile_ops = {
	.start	= ok_volatile_start,
	.next	= ok_volatile_next,
	.stop	= ok_volatile_stop,
	.show	= ok_volatile_show,
};

const struct seqbugs_file seqbugs_ok_volatile = { .ops = &ok_volatile_ops };
