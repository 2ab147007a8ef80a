// SPDX-License-Identifier: GPL-2.0
/*
 * Slots with holes. next() skips a hole and returns the next record, but advances
 * *pos by one instead of to that record's slot: the next call starts in the hole
 * again and finds the same record, once for each empty slot.
 *
 *   # cat ipc_holes | uniq -d        each record after a hole
 *
 * Looks like: ok_one_pointer (next() returns the pointer that it got) and ok_jump
 * (which counts correctly).
 * seqtrace reports: SQ201.
 * The fix: *pos is the slot that was found.
 *
 * In the kernel: 89163f93c6f9, fixed by 5e698222c702 (ipcs listed things twice).
 */

#include "seqbugs.h"

/* Three empty slots in ten. */
#define IPC_SLOTS 430

static struct seqbugs_rec ipc_slots[IPC_SLOTS];

static void *ipc_find(loff_t nr, loff_t *pos)
{
	int slot;

	*pos = nr;		/* the bug: the slot, once it is found */
	for (slot = nr; slot < IPC_SLOTS; slot++) {
		if (slot % 10 < 3 || slot % 10 > 5) {
			ipc_slots[slot].id = slot;
			return &ipc_slots[slot];
		}
	}
	return NULL;
}

static void *ipc_start(struct seq_file *m, loff_t *pos)
{
	return ipc_find(*pos, pos);
}

static void *ipc_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ipc_find(*pos + 1, pos);
}

static void ipc_stop(struct seq_file *m, void *v)
{
}

static int ipc_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ipc_ops = {
	.start	= ipc_start,
	.next	= ipc_next,
	.stop	= ipc_stop,
	.show	= ipc_show,
};

static void *ipc_fixed_find(loff_t nr, loff_t *pos)
{
	struct seqbugs_rec *found = ipc_find(nr, pos);

	*pos = found ? found->id : IPC_SLOTS;
	return found;
}

static void *ipc_fixed_start(struct seq_file *m, loff_t *pos)
{
	return ipc_fixed_find(*pos, pos);
}

static void *ipc_fixed_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ipc_fixed_find(*pos + 1, pos);
}

static const struct seq_operations ipc_fixed_ops = {
	.start	= ipc_fixed_start,
	.next	= ipc_fixed_next,
	.stop	= ipc_stop,
	.show	= ipc_show,
};

static const struct seqbugs_file ipc_fixed = { .ops = &ipc_fixed_ops };

const struct seqbugs_file seqbugs_ipc_holes = {
	.ops	= &ipc_ops,
	.fixed	= &ipc_fixed,
};
