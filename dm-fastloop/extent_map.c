// SPDX-License-Identifier: GPL-2.0-only
/*
 * extent_map: a maple tree of value entries, so no object per extent.
 *
 * Four properties of the maple tree shape this file.
 *
 * In RCU mode a walk is memory-safe against a mutator, but a leaf may be
 * changed in place, first a slot and then a pivot. A walk that read a pivot
 * before two such changes and the slot after them pairs an entry with a range
 * that it never had: for us, a write to somebody else's blocks. So the
 * sequence count: an answer counts only if no mutation overlapped the walk.
 *
 * It joins neighbouring NULLs, but not neighbouring equal entries. We do.
 *
 * With a gfp that must not block, mas_store_gfp() goes round for ever, with
 * the tree's lock held, once it has got some but not all of its nodes; with
 * one that may block, it sleeps between the start and the end of the store,
 * where readers cannot get an answer. mas_store() makes exactly one attempt
 * and never sleeps; what it lacks is allocated out here.
 *
 * In 6.1, RCU mode frees wrong addresses when it frees a tree, or a branch that
 * a store replaces: in plain inner nodes the last slot doubles as metadata, and
 * mt_clear_meta() takes a pointer there for metadata, mt_free_walk() metadata
 * for a pointer. Nodes that track gaps keep the two apart; address spaces use
 * no others. So does our tree, without need of the gaps.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/lockdep.h>
#include <linux/minmax.h>
#include <linux/processor.h>
#include <linux/rcupdate.h>
#include <linux/xarray.h>

#include "extent_map.h"

/* How often a reader tries to get in between mutations (well below 1 us each) */
#define FLOOP_LOOKUP_TRIES	64

/* How often a mutator that may sleep tries to find memory for the tree */
#define FLOOP_STORE_TRIES	8

/* Entries that make a tree have more nodes than a store can need (3 a level) */
#define FLOOP_ROOM		(32 * MAPLE_RANGE64_SLOTS)

/* How many ranges are forgotten in one mutation, by floop_map_shrink() */
#define FLOOP_SHRINK_BATCH	128UL

#define FLOOP_TREE_FLAGS	(MT_FLAGS_USE_RCU | MT_FLAGS_ALLOC_RANGE)

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

	mt_init_flags(&map->tree, FLOOP_TREE_FLAGS);
	seqcount_spinlock_init(&map->seq, &map->tree.ma_lock);
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
	mtree_lock(&map->tree);
	floop_map_change_begin(map);
	/* Marks all nodes, a while if there are millions of ranges; RCU frees them. */
	__mt_destroy(&map->tree);
	/* In 6.1 it also clears the flags: nodes would be freed at once. */
	map->tree.ma_flags = FLOOP_TREE_FLAGS;
	floop_map_change_end(map);

	WRITE_ONCE(map->nr_extents, 0);
	WRITE_ONCE(map->known, 0);
	WRITE_ONCE(map->holes, 0);
	map->forgets++;
	mtree_unlock(&map->tree);
}

/* The range that @sector is in, as the tree has it. False: no firm answer. */
static bool floop_map_walk(struct floop_extent_map *map, sector_t sector,
			   struct floop_memo *found)
{
	unsigned int tries = FLOOP_LOOKUP_TRIES;

	do {
		MA_STATE(mas, &map->tree, sector, sector);
		/* Does not wait: the mutator's CPU may have other things to do. */
		unsigned int seq = raw_seqcount_begin(&map->seq);

		rcu_read_lock();
		found->entry = mas_walk(&mas);
		rcu_read_unlock();
		found->changes = READ_ONCE(map->changes);

		if (likely(!read_seqcount_retry(&map->seq, seq))) {
			found->first = mas.index;
			found->last = mas.last;
			return true;
		}
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
	unsigned long first, last;	/* what the caller asked for */
	unsigned long join_first;	/* with equal neighbours: what is stored */
	unsigned long join_last;
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

	change->known += nr_sectors;
	if (floop_entry_kind(entry) == FLOOP_HOLE)
		change->holes += nr_sectors;
}

/*
 * Takes account of a range of the map, [first, last], that overlaps the change
 * or touches it.
 */
static void floop_change_meet(struct floop_change *change, void *entry,
			      unsigned long first, unsigned long last)
{
	bool left = first < change->first;
	bool right = last > change->last;

	if (first <= change->last && last >= change->first) {
		floop_change_count(change, entry, max(first, change->first),
				   min(last, change->last), -1);
		change->forgets |= entry != change->entry &&
				   floop_entry_kind(entry) == FLOOP_WRITTEN;
	}

	if (entry == change->entry) {
		change->join_first = min(change->join_first, first);
		change->join_last = max(change->join_last, last);
		change->nr_extents--;
	} else if (left && right) {
		change->nr_extents++;
	} else if (!left && !right) {
		change->nr_extents--;
	}
}

/* Looks at every range that overlaps or touches the change. */
static void floop_change_survey(struct floop_extent_map *map,
				struct floop_change *change)
{
	MA_STATE(mas, &map->tree, 0, 0);
	void *entry;

	lockdep_assert_held(&map->tree.ma_lock);

	if (change->first)
		mas_set(&mas, change->first - 1);
	mas_for_each(&mas, entry, change->last + 1)
		floop_change_meet(change, entry, mas.index, mas.last);

	if (change->entry) {
		floop_change_count(change, change->entry, change->first,
				   change->last, 1);
		change->nr_extents++;
	}
}

/* One attempt, without sleeping: 0 or -ENOMEM, and then nothing is changed. */
static int floop_change_try(struct floop_extent_map *map,
			    const struct floop_change *change)
{
	MA_STATE(mas, &map->tree, change->join_first, change->join_last);
	int r;

	floop_map_change_begin(map);
	mas_store(&mas, change->entry);
	floop_map_change_end(map);

	r = xa_err(mas.node);
	mas_destroy(&mas);	/* of nodes that it allocated and did not use */
	return r;
}

/*
 * Makes the next attempt likely to find memory: grows a tree of our own by
 * more nodes than any store needs, sleeping as gfp allows, and gives the nodes
 * back to the cache that they, and those of the map, come from.
 */
static void floop_make_room(gfp_t gfp)
{
	struct maple_tree scratch;
	unsigned long i;

	mt_init(&scratch);
	for (i = 0; i < FLOOP_ROOM; i++)
		if (mtree_store_range(&scratch, i, i, xa_mk_value(i), gfp))
			break;
	mtree_destroy(&scratch);
}

static bool floop_range_fits(sector_t sector, sector_t nr_sectors)
{
	return nr_sectors && nr_sectors <= FLOOP_MAX_SECTORS &&
	       sector <= FLOOP_MAX_SECTORS - nr_sectors;
}

static int floop_map_change(struct floop_extent_map *map, sector_t sector,
			    sector_t nr_sectors, void *entry, gfp_t gfp)
{
	int tries = gfpflags_allow_blocking(gfp) ? FLOOP_STORE_TRIES : 1;
	struct floop_change change = {
		.first = sector,
		.last = sector + nr_sectors - 1,
		.join_first = sector,
		.join_last = sector + nr_sectors - 1,
		.entry = entry,
	};
	int r;

	if (!floop_range_fits(sector, nr_sectors))
		return -EINVAL;

	mtree_lock(&map->tree);
	floop_change_survey(map, &change);
	while ((r = floop_change_try(map, &change)) && --tries) {
		/* The caller keeps other mutators out: the survey stays true. */
		mtree_unlock(&map->tree);
		floop_make_room(gfp);
		mtree_lock(&map->tree);
	}
	if (!r) {
		WRITE_ONCE(map->nr_extents,
			   map->nr_extents + change.nr_extents);
		WRITE_ONCE(map->known, map->known + change.known);
		WRITE_ONCE(map->holes, map->holes + change.holes);
		map->forgets += change.forgets;
	}
	mtree_unlock(&map->tree);
	return r;
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
	MA_STATE(mas, &map->tree, map->hand, map->hand);
	unsigned long found = 0;
	void *entry;

	mtree_lock(&map->tree);
	mas_for_each(&mas, entry, FLOOP_MAX_SECTORS) {
		if (!found++)
			*first = mas.index;
		*last = mas.last;
		if (found >= nr)
			break;
	}
	mtree_unlock(&map->tree);

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
	MA_STATE(mas, &map->tree, sector, sector);
	void *entry;

	rcu_read_lock();
	mas_for_each(&mas, entry, FLOOP_MAX_SECTORS) {
		if (mas.index > sector)
			break;
		sector = mas.last + 1;
		if (need_resched()) {
			mas_pause(&mas);
			rcu_read_unlock();
			cond_resched();
			rcu_read_lock();
		}
	}
	rcu_read_unlock();

	return sector;
}
