/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stats: what a target has done, counted per CPU.
 */
#ifndef FLOOP_STATS_H
#define FLOOP_STATS_H

#include <linux/percpu.h>

/* Their names are in floop_stat_names[] in target.c. */
enum floop_stat {
	FLOOP_REMAPPED_READS,	/* parts that went straight to the disk */
	FLOOP_REMAPPED_WRITES,
	FLOOP_ZERO_READS,	/* of holes, answered here */
	FLOOP_FILLS,		/* first writes, through the file */
	FLOOP_FILE_READS,	/* through the file system */
	FLOOP_FILE_WRITES,
	FLOOP_PUNCHES,		/* calls that give blocks back */
	FLOOP_FLUSHES,		/* asked of us */
	FLOOP_SYNCS,		/* fsyncs that flushes and FUA caused */
	FLOOP_NR_STATS
};

struct floop_stats {
	unsigned long count[FLOOP_NR_STATS];
};

static inline void floop_stat_inc(struct floop_stats __percpu *stats,
				  enum floop_stat stat)
{
	this_cpu_inc(stats->count[stat]);
}

static inline unsigned long
floop_stat_read(struct floop_stats __percpu *stats, enum floop_stat stat)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(stats, cpu)->count[stat]);

	return sum;
}

/* Not exact while I/O goes on. */
static inline void floop_stat_reset(struct floop_stats __percpu *stats)
{
	enum floop_stat stat;
	int cpu;

	for_each_possible_cpu(cpu)
		for (stat = 0; stat < FLOOP_NR_STATS; stat++)
			WRITE_ONCE(per_cpu_ptr(stats, cpu)->count[stat], 0);
}

#endif
