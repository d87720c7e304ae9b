/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * extent_map: which range of a file lies where on the disk.
 *
 * A set of disjoint ranges of one file, each with a kind and, for written
 * ranges, a place on the disk. It knows nothing of bios, files or
 * device-mapper, and it never sleeps on behalf of anybody but its allocator.
 *
 * Units: everything is in 512-byte sectors; "sector" is a position in the
 * file (file offset >> 9), "phys" a position on the disk under the file
 * system. Bytes are turned into sectors in map_source.c and nowhere else.
 *
 * Concurrency: floop_map_lookup() may run in any task, on any number of CPUs,
 * against one mutator. Mutators (set, forget, shrink, clear) must be serialised by
 * the caller and may sleep. A reader sees the map either as it was before a mutation
 * or as it is after, never a mixture. If mutations keep it from a firm answer it is
 * told FLOOP_UNKNOWN, which is always safe: unknown ranges are looked up again. So
 * only the mutators' side may conclude from FLOOP_UNKNOWN that a range is not in
 * the map.
 *
 * Neighbours of the same kind whose physical addresses continue each other
 * are one range; there is no limit to its length.
 */
#ifndef FLOOP_EXTENT_MAP_H
#define FLOOP_EXTENT_MAP_H

#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/seqlock.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "range_tree.h"

enum floop_kind {
	FLOOP_UNKNOWN,		/* not looked up yet */
	FLOOP_WRITTEN,		/* data at phys is what the file holds */
	FLOOP_HOLE,		/* proven hole or unwritten: reads as zeroes */
	FLOOP_FILE,		/* only the file system can do I/O here */
};

/* What lookup says of one sector, and how far that holds. */
struct floop_answer {
	enum floop_kind kind;
	sector_t phys;		/* of the sector asked for; WRITTEN only */
	sector_t nr_sectors;	/* from the sector asked for on; at least 1 */
};

/*
 * What a CPU has found last in each part of the file: most files have few
 * ranges, and I/O tends to stay in one.
 */
#define FLOOP_MEMOS	8

struct floop_memo {
	u64 changes;		/* when it was found */
	unsigned long first, last;
	void *entry;
};

struct floop_memos {
	struct floop_memo part[FLOOP_MEMOS];
};

struct floop_extent_map {
	struct floop_tree tree;
	spinlock_t lock;		/* of a change, which readers see whole */
	seqcount_spinlock_t seq;	/* odd while the tree is being changed */
	u64 changes;			/* how many there have been; from 1 on */
	struct floop_memos __percpu *memos;
	unsigned int memo_shift;	/* log2 of the sectors in a part */
	/* Kept by the mutators, read without locks for the status line. */
	unsigned long nr_extents;	/* ranges that are not unknown */
	sector_t known;			/* sectors that are not unknown */
	sector_t holes;			/* sectors that are FLOOP_HOLE */
	unsigned long forgets;		/* how often something written was */
	sector_t hand;			/* where floop_map_shrink() goes on */
};

/* Largest sector + 1 that a map can hold: the size of the largest loff_t. */
#define FLOOP_MAX_SECTORS	((sector_t)1 << 54)

/*
 * For a file of about @nr_sectors; it may have any other size. May sleep.
 * Returns 0 or -ENOMEM.
 */
int floop_map_init(struct floop_extent_map *map, sector_t nr_sectors);

/* May sleep. Nobody uses the map any more. */
void floop_map_exit(struct floop_extent_map *map);

/*
 * Forgets everything; lookups may still be running, and the memory is freed after
 * them. May sleep.
 */
void floop_map_clear(struct floop_extent_map *map);

/*
 * An entry is the value (phys - sector + FLOOP_BIAS) << FLOOP_KIND_BITS | kind;
 * biased since a value entry has no sign. Kinds without a place have a zero
 * above the kind bits, so that equal entries are exactly those to be joined.
 */
#define FLOOP_KIND_BITS		2
#define FLOOP_KIND_MASK		((1UL << FLOOP_KIND_BITS) - 1)
#define FLOOP_BIAS		FLOOP_MAX_SECTORS

static inline enum floop_kind floop_entry_kind(void *entry)
{
	return xa_to_value(entry) & FLOOP_KIND_MASK;
}

static inline sector_t floop_entry_phys(void *entry, sector_t sector)
{
	return sector + (xa_to_value(entry) >> FLOOP_KIND_BITS) - FLOOP_BIAS;
}

/* A range as far as it is of interest; two words, to stay in registers. */
struct floop_found {
	void *entry;			/* NULL: unknown */
	unsigned long last;
};

/* On the CPU that it runs on; preemption is off. */
static inline struct floop_memo *floop_map_memo(struct floop_extent_map *map,
						sector_t sector)
{
	unsigned int part = (sector >> map->memo_shift) % FLOOP_MEMOS;

	return &this_cpu_ptr(map->memos)->part[part];
}

/* For floop_map_lookup(): asks the tree. */
struct floop_found floop_map_find(struct floop_extent_map *map,
				  sector_t sector);

/*
 * In a task; no locks, no allocation, no sleep. sector < FLOOP_MAX_SECTORS.
 * Always answers: a sector that was never set is FLOOP_UNKNOWN up to the next
 * range that was (or up to FLOOP_MAX_SECTORS).
 */
static inline struct floop_answer
floop_map_lookup(struct floop_extent_map *map, sector_t sector)
{
	struct floop_answer answer = {};
	struct floop_found found;
	struct floop_memo *memo;

	preempt_disable();
	memo = floop_map_memo(map, sector);
	/* As long as nothing has changed, it is what the tree would say. */
	if (likely(memo->changes == READ_ONCE(map->changes) &&
		   sector >= memo->first && sector <= memo->last)) {
		found.entry = memo->entry;
		found.last = memo->last;
		preempt_enable();
	} else {
		preempt_enable();
		found = floop_map_find(map, sector);
	}

	if (unlikely(!found.entry)) {
		answer.kind = FLOOP_UNKNOWN;
		found.last = min_t(unsigned long, found.last,
				   FLOOP_MAX_SECTORS - 1);
	} else {
		answer.kind = floop_entry_kind(found.entry);
		answer.phys = floop_entry_phys(found.entry, sector);
	}
	answer.nr_sectors = found.last - sector + 1;

	return answer;
}

/*
 * Says what [sector, sector + nr_sectors) is, whatever was known of it before.
 * phys is used for FLOOP_WRITTEN only. FLOOP_UNKNOWN is not accepted: see
 * floop_map_forget(). May sleep in an allocation with gfp.
 *
 * Returns 0; -EINVAL for an empty range, one that leaves
 * [0, FLOOP_MAX_SECTORS), a phys range that does, or a kind that cannot be
 * set; -ENOMEM. After an error the map is as before.
 */
int floop_map_set(struct floop_extent_map *map, sector_t sector,
		  sector_t nr_sectors, enum floop_kind kind, sector_t phys,
		  gfp_t gfp);

/*
 * Makes [sector, sector + nr_sectors) unknown. Errors as floop_map_set();
 * -ENOMEM is possible, since cutting the middle out of a range needs a node.
 */
int floop_map_forget(struct floop_extent_map *map, sector_t sector,
		     sector_t nr_sectors, gfp_t gfp);

/* The same, and everything rather than nothing. */
void floop_map_forget_surely(struct floop_extent_map *map, sector_t sector,
			     sector_t nr_sectors);

/*
 * Forgets @nr ranges from where the last call ended, but no further than to the end
 * of the map; then the next call begins at its start. Everything, if there is no
 * memory for less. Returns how many. May sleep in an allocation with gfp.
 */
unsigned long floop_map_shrink(struct floop_extent_map *map, unsigned long nr,
			       gfp_t gfp);

/*
 * The first sector from @sector on that is unknown. On the mutators' side; may
 * sleep.
 */
sector_t floop_map_first_unknown(struct floop_extent_map *map, sector_t sector);

#endif
