// SPDX-License-Identifier: GPL-2.0
/*
 * One record that is in the list twice: record 7 is also the 250th. It is shown
 * both times, as the list has it.
 *
 * Looks like: a double emit, same pointer and same text.
 * seqtrace reports: none (info at most).
 *
 * In the kernel: /proc/net/ipv6_route links fib6_null_entry from two tables.
 */

#include "seqbugs.h"

static void *ok_linked_twice_at(loff_t pos)
{
	return seqbugs_rec(pos == 250 ? 7 : pos);
}

static void *ok_linked_twice_start(struct seq_file *m, loff_t *pos)
{
	return ok_linked_twice_at(*pos);
}

static void *ok_linked_twice_next(struct seq_file *m, void *v, loff_t *pos)
{
	return ok_linked_twice_at(++*pos);
}

static void ok_linked_twice_stop(struct seq_file *m, void *v)
{
}

static int ok_linked_twice_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations ok_linked_twice_ops = {
	.start	= ok_linked_twice_start,
	.next	= ok_linked_twice_next,
	.stop	= ok_linked_twice_stop,
	.show	= ok_linked_twice_show,
};

const struct seqbugs_file seqbugs_ok_linked_twice = { .ops = &ok_linked_twice_ops };
