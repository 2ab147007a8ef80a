// SPDX-License-Identifier: GPL-2.0
/*
 * A hash table that is walked with an iterator in m->private. start() sets the
 * iterator to the beginning and takes one step, whatever *pos is, so each pass
 * begins with the first entry. There are 60 entries, which fit into one buffer, so
 * a reader with large blocks sees each of them once.
 *
 *   # cat graph_filter               right
 *   # dd if=graph_filter bs=27       the first entry, sixty times
 *
 * Looks like: ok_nested, whose start() takes as many steps as *pos requires.
 * seqtrace reports: SQ104 (rewound), SQ201 and SQ202.
 * The fix: start() takes *pos + 1 steps.
 *
 * In the kernel: tracefs set_graph_function and set_graph_notrace (g_start(),
 * kernel/trace/ftrace.c), 6.1 to 7.2.
 */

#include "seqbugs.h"

#define GRAPH_FILTER_BUCKETS	8
#define GRAPH_FILTER_ENTRIES	60

struct graph_filter {
	int bucket;
	int depth;	/* of the next entry in that bucket */
};

/* Entry n is in bucket n % GRAPH_FILTER_BUCKETS. */
static struct seqbugs_rec *graph_filter_step(struct graph_filter *it)
{
	while (it->bucket < GRAPH_FILTER_BUCKETS) {
		int entry = it->depth * GRAPH_FILTER_BUCKETS + it->bucket;

		if (entry < GRAPH_FILTER_ENTRIES) {
			it->depth++;
			return seqbugs_rec(entry);
		}
		it->bucket++;
		it->depth = 0;
	}
	return NULL;
}

static void *graph_filter_start(struct seq_file *m, loff_t *pos)
{
	struct graph_filter *it = m->private;

	if (*pos >= GRAPH_FILTER_ENTRIES)
		return NULL;
	it->bucket = 0;
	it->depth = 0;
	return graph_filter_step(it);	/* the bug: *pos + 1 steps */
}

static void *graph_filter_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return graph_filter_step(m->private);
}

static void graph_filter_stop(struct seq_file *m, void *v)
{
}

static int graph_filter_show(struct seq_file *m, void *v)
{
	struct seqbugs_rec *rec = v;

	seqbugs_print(m, rec->id);
	return 0;
}

static const struct seq_operations graph_filter_ops = {
	.start	= graph_filter_start,
	.next	= graph_filter_next,
	.stop	= graph_filter_stop,
	.show	= graph_filter_show,
};

static int graph_filter_open(struct file *file, const struct seq_operations *ops)
{
	return seq_open_private(file, ops, sizeof(struct graph_filter));
}

static void *graph_filter_fixed_start(struct seq_file *m, loff_t *pos)
{
	struct graph_filter *it = m->private;
	struct seqbugs_rec *rec;
	loff_t nr;

	it->bucket = 0;
	it->depth = 0;
	rec = graph_filter_step(it);
	for (nr = 0; rec && nr < *pos; nr++)
		rec = graph_filter_step(it);
	return rec;
}

static const struct seq_operations graph_filter_fixed_ops = {
	.start	= graph_filter_fixed_start,
	.next	= graph_filter_next,
	.stop	= graph_filter_stop,
	.show	= graph_filter_show,
};

static const struct seqbugs_file graph_filter_fixed = {
	.ops		= &graph_filter_fixed_ops,
	.open		= graph_filter_open,
	.release	= seq_release_private,
};

const struct seqbugs_file seqbugs_graph_filter = {
	.ops		= &graph_filter_ops,
	.open		= graph_filter_open,
	.release	= seq_release_private,
	.fixed		= &graph_filter_fixed,
};
