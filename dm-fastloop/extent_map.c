// SPDX-License-Identifier: GPL-2.0-only
/*
 * extent_map: a range_tree of value entries, so no object per extent.
 *
 * A reader beside a change may pair an entry with a range that it never had: for us,
 * a write to somebody else's blocks. So the sequence count: an answer counts only if
 * no change overlapped the walk.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/xarray.h>

#include "extent_map.h"

/* How often a reader tries to get in between mutations (most take below 1 us) */
#define FLOOP_LOOKUP_TRIES	64

/* How many ranges are forgotten in one mutation, by floop_map_shrink() */
#define FLOOP_SHRINK_BATCH	128UL

static_assert(FLOOP_FILE <= FLOOP_KIND_MASK);
static_assert(2 * FLOOP_MAX_SECTORS <= LONG_MAX >> FLOOP_KIND_BITS);

static void *floop_entry(enum floop_kind kind, sector_t sector, sector_t phys)
{
	unsigned long place = 0;

	if (kind == FLOOP_WRITTEN)
		place = phys - sector + FLOOP_BIAS;
	return xa_mk_value(place << FLOOP_KIND_BITS | kind);
}

int floop_map_init(struct floop_extent_map *map, sector_t nr_sectors)
{
	map->memos = alloc_percpu(struct floop_memos);
	if (!map->memos)
		return -ENOMEM;
	map->memo_shift = order_base_2(DIV_ROUND_UP_ULL(nr_sectors,
							FLOOP_MEMOS));

	map->tree.root = NULL;
	spin_lock_init(&map->lock);
	seqcount_spinlock_init(&map->seq, &map->lock);
	map->changes = 1;	/* no memo has that */
	map->nr_extents = 0;
	map->known = 0;
	map->holes = 0;
	map->forgets = 0;
	map->hand = 0;

	return 0;
}

void floop_map_exit(struct floop_extent_map *map)
{
	floop_map_clear(map);
	free_percpu(map->memos);
}

static void floop_map_change_begin(struct floop_extent_map *map)
{
	write_seqcount_begin(&map->seq);
	WRITE_ONCE(map->changes, map->changes + 1);
}

static void floop_map_change_end(struct floop_extent_map *map)
{
	write_seqcount_end(&map->seq);
}

void floop_map_clear(struct floop_extent_map *map)
{
	struct floop_node *root;

	spin_lock(&map->lock);
	floop_map_change_begin(map);
	root = map->tree.root;
	WRITE_ONCE(map->tree.root, NULL);
	floop_map_change_end(map);

	WRITE_ONCE(map->nr_extents, 0);
	WRITE_ONCE(map->known, 0);
	WRITE_ONCE(map->holes, 0);
	map->forgets++;
	spin_unlock(&map->lock);

	floop_tree_free(root);
}

/* The range that @sector is in, as the tree has it. False: no firm answer. */
static bool floop_map_walk(struct floop_extent_map *map, sector_t sector,
			   struct floop_memo *found)
{
	unsigned int tries = FLOOP_LOOKUP_TRIES;

	do {
		/* Does not wait: the mutator's CPU may have other things to do. */
		unsigned int seq = raw_seqcount_begin(&map->seq);

		rcu_read_lock();
		found->entry = floop_tree_find(&map->tree, sector,
					       &found->first, &found->last);
		rcu_read_unlock();
		found->changes = READ_ONCE(map->changes);

		if (likely(!read_seqcount_retry(&map->seq, seq)))
			return true;
		cpu_relax();
	} while (--tries);

	return false;
}

struct floop_found floop_map_find(struct floop_extent_map *map,
				  sector_t sector)
{
	struct floop_found found = { .entry = NULL, .last = ULONG_MAX };
	struct floop_memo memo;

	if (!floop_map_walk(map, sector, &memo))
		return found;

	preempt_disable();
	*floop_map_memo(map, sector) = memo;
	preempt_enable();
	found.entry = memo.entry;
	found.last = memo.last;

	return found;
}

/* One mutation: what it stores, and what that does to the counters. */
struct floop_change {
	unsigned long first, last;
	void *entry;			/* NULL: forget */
	long nr_extents;
	long known;
	long holes;
	bool forgets;			/* something that is written */
};

static void floop_change_count(struct floop_change *change, void *entry,
			       unsigned long first, unsigned long last, int sign)
{
	long nr_sectors = sign * (long)(last - first + 1);

	if (!entry)
		return;

	change->known += nr_sectors;
	if (floop_entry_kind(entry) == FLOOP_HOLE)
		change->holes += nr_sectors;
}

/* Looks at every range that overlaps or touches the change. */
static void floop_change_survey(struct floop_extent_map *map,
				struct floop_change *change)
{
	unsigned long at, first, last;
	void *entry;

	for (at = change->first; at <= change->last; at = last + 1) {
		entry = floop_tree_find(&map->tree, at, &first, &last);
		last = min(last, change->last);
		floop_change_count(change, entry, at, last, -1);
		change->forgets |= entry != change->entry &&
				   floop_entry_kind(entry) == FLOOP_WRITTEN;
		if (entry && first == at)
			change->nr_extents--;
		cond_resched();
	}

	/* What is behind is one with it, or a range, where it was a part of one. */
	entry = floop_tree_find(&map->tree, at, &first, &last);
	if (entry && first == at)
		change->nr_extents--;
	if (entry && entry != change->entry)
		change->nr_extents++;

	entry = NULL;
	if (change->first)
		entry = floop_tree_find(&map->tree, change->first - 1, &first,
					&last);
	if (change->entry && entry != change->entry)
		change->nr_extents++;
	floop_change_count(change, change->entry, change->first, change->last,
			   1);
}

static bool floop_range_fits(sector_t sector, sector_t nr_sectors)
{
	return nr_sectors && nr_sectors <= FLOOP_MAX_SECTORS &&
	       sector <= FLOOP_MAX_SECTORS - nr_sectors;
}

static int floop_map_change(struct floop_extent_map *map, sector_t sector,
			    sector_t nr_sectors, void *entry, gfp_t gfp)
{
	struct floop_change change = {
		.first = sector,
		.last = sector + nr_sectors - 1,
		.entry = entry,
	};
	struct floop_node *spare = NULL;
	unsigned int need;

	if (!floop_range_fits(sector, nr_sectors))
		return -EINVAL;
	if (!entry && !map->tree.root)
		return 0;

	/* No other mutator comes in between. */
	need = floop_tree_need(&map->tree, change.first, change.last, entry);
	if (need) {
		spare = floop_nodes_alloc(need, gfp);
		if (!spare)
			return -ENOMEM;
	}
	floop_change_survey(map, &change);

	spin_lock(&map->lock);
	floop_map_change_begin(map);
	floop_tree_replace(&map->tree, change.first, change.last, entry,
			   &spare);
	floop_map_change_end(map);

	WRITE_ONCE(map->nr_extents, map->nr_extents + change.nr_extents);
	WRITE_ONCE(map->known, map->known + change.known);
	WRITE_ONCE(map->holes, map->holes + change.holes);
	map->forgets += change.forgets;
	spin_unlock(&map->lock);

	floop_nodes_free(spare);
	return 0;
}

int floop_map_set(struct floop_extent_map *map, sector_t sector,
		  sector_t nr_sectors, enum floop_kind kind, sector_t phys,
		  gfp_t gfp)
{
	switch (kind) {
	case FLOOP_WRITTEN:
		if (!floop_range_fits(phys, nr_sectors))
			return -EINVAL;
		break;
	case FLOOP_HOLE:
	case FLOOP_FILE:
		break;
	default:
		return -EINVAL;
	}

	return floop_map_change(map, sector, nr_sectors,
				floop_entry(kind, sector, phys), gfp);
}

int floop_map_forget(struct floop_extent_map *map, sector_t sector,
		     sector_t nr_sectors, gfp_t gfp)
{
	return floop_map_change(map, sector, nr_sectors, NULL, gfp);
}

void floop_map_forget_surely(struct floop_extent_map *map, sector_t sector,
			     sector_t nr_sectors)
{
	if (floop_map_forget(map, sector, nr_sectors, GFP_NOIO))
		floop_map_clear(map);
}

/* The first @nr ranges that end at the hand or after it. Returns how many. */
static unsigned long floop_map_at_hand(struct floop_extent_map *map,
				       unsigned long nr, unsigned long *first,
				       unsigned long *last)
{
	unsigned long found = 0, at, begin, end;
	void *entry;

	for (at = map->hand; found < nr && at < FLOOP_MAX_SECTORS; at = end + 1) {
		entry = floop_tree_find(&map->tree, at, &begin, &end);
		if (entry) {
			if (!found++)
				*first = begin;
			*last = end;
		} else if (end >= FLOOP_MAX_SECTORS) {
			break;
		}
	}

	return found;
}

/* Few enough that readers do not give up meanwhile. */
static unsigned long floop_map_shrink_some(struct floop_extent_map *map,
					   unsigned long nr, gfp_t gfp)
{
	unsigned long first, last, found;

	found = floop_map_at_hand(map, min(nr, FLOOP_SHRINK_BATCH), &first,
				  &last);
	if (!found)
		return 0;

	map->hand = last + 1;
	if (floop_map_forget(map, first, last - first + 1, gfp)) {
		found = map->nr_extents;
		map->hand = 0;
		floop_map_clear(map);
	}

	return found;
}

unsigned long floop_map_shrink(struct floop_extent_map *map, unsigned long nr,
			       gfp_t gfp)
{
	unsigned long all, found;

	all = floop_map_shrink_some(map, nr, gfp);
	if (!all && map->hand) {
		map->hand = 0;
		all = floop_map_shrink_some(map, nr, gfp);
	}

	for (found = all; found && all < nr; all += found)
		found = floop_map_shrink_some(map, nr - all, gfp);
	if (all < nr)
		map->hand = 0;

	return all;
}

sector_t floop_map_first_unknown(struct floop_extent_map *map, sector_t sector)
{
	unsigned long first, last;

	while (floop_tree_find(&map->tree, sector, &first, &last)) {
		sector = last + 1;
		cond_resched();
	}

	return sector;
}
