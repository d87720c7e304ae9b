/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats: what a target has done, counted per CPU.
 *
 * The list is the only place that names the counters: the enum, the status
 * line and the documentation test come from it.
 */
#ifndef FLOOP_STATS_H
#define FLOOP_STATS_H

#include <linux/percpu.h>

#define FLOOP_STATS(X)						\
	X(remapped_reads)	/* went straight to the disk */	\
	X(remapped_writes)					\
	X(zero_reads)		/* of holes, answered here */	\
	X(fills)		/* first writes, through the file */	\
	X(file_reads)		/* through the file system */	\
	X(file_writes)						\
	X(flushes)		/* asked of us */		\
	X(syncs)		/* fsyncs that flushes caused */

#define FLOOP_STAT_ENUM(name) FLOOP_STAT_##name,
enum floop_stat {
	FLOOP_STATS(FLOOP_STAT_ENUM)
	FLOOP_NR_STATS
};

struct floop_stats {
	unsigned long count[FLOOP_NR_STATS];
};

#define floop_stat_inc(stats, name) \
	this_cpu_inc((stats)->count[FLOOP_STAT_##name])

static inline unsigned long
floop_stat_read(struct floop_stats __percpu *stats, enum floop_stat stat)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats, cpu)->count[stat]);

	return sum;
}

#endif
