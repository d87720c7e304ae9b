// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long look-ups of the map take, and stores: for a guest whose clock counts
 * instructions. For files of 1 to 1,000,000 written blocks with a hole behind each,
 * learned in order, then looked up at random. Says so in the log, as JSON, and does
 * not stay.
 */
#define pr_fmt(fmt)	KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "extent_map.h"

#define LOOKUPS		20000UL
#define MOST_EXTENTS	1000000UL

static struct floop_extent_map map;
static struct rnd_state rnd;

static int __init learn(unsigned long extents)
{
	unsigned long i;
	int r = 0;

	for (i = 0; i < extents && !r; i++) {
		r = floop_map_set(&map, 16 * i, 8, FLOOP_WRITTEN,
				  1000000 + 16 * i, GFP_KERNEL);
		if (!r)
			r = floop_map_set(&map, 16 * i + 8, 8, FLOOP_HOLE, 0,
					  GFP_KERNEL);
		if (!(i % 1024))
			cond_resched();
	}
	return r;
}

static sector_t __init pick(unsigned long extents)
{
	return prandom_u32_state(&rnd) % extents * 16;
}

static int __init measure(unsigned long extents)
{
	u64 begin, learned, picked, found, sum = 0;
	unsigned long i;
	int r;

	r = floop_map_init(&map, 16 * extents);
	if (r)
		return r;

	begin = ktime_get_ns();
	r = learn(extents);
	learned = ktime_get_ns();
	for (i = 0; i < LOOKUPS; i++)
		sum += pick(extents);
	picked = ktime_get_ns();
	for (i = 0; i < LOOKUPS; i++)
		sum += floop_map_lookup(&map, pick(extents)).phys;
	found = ktime_get_ns();
	floop_map_exit(&map);

	/* The sum, so that nothing is left out. */
	pr_info("{\"extents\": %lu, \"lookup\": %llu, \"store\": %llu, \"sum\": %llu}\n",
		extents, (found - picked - (picked - learned)) / LOOKUPS,
		(learned - begin) / (2 * extents), sum);
	return r;
}

static int __init lookup_init(void)
{
	unsigned long extents;
	int r;

	r = floop_tree_module_init();
	if (r)
		return r;
	prandom_seed_state(&rnd, 1);
	for (extents = 1; !r && extents <= MOST_EXTENTS; extents *= 10)
		r = measure(extents);
	floop_tree_module_exit();

	return r ? r : -EAGAIN;
}

module_init(lookup_init);

MODULE_DESCRIPTION("Cost of dm-fastloop's map");
MODULE_LICENSE("GPL");
