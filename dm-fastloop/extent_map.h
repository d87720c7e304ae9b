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
 * against one mutator; not in an interrupt, where a walk that meets a node which
 * a store on the same CPU is about to replace would not end. Mutators (set,
 * forget, clear) must be serialised by the caller and may sleep. A reader sees
 * the map either as it was before a mutation or as it is after, never a mixture.
 * If mutations keep it from a firm answer it is told FLOOP_UNKNOWN, which is
 * always safe: unknown ranges are looked up again. So only the mutators' side
 * may conclude from FLOOP_UNKNOWN that a range is not in the map.
 *
 * Neighbours of the same kind whose physical addresses continue each other
 * are one range; there is no limit to its length.
 */
#ifndef FLOOP_EXTENT_MAP_H
#define FLOOP_EXTENT_MAP_H

#include <linux/maple_tree.h>
#include <linux/seqlock.h>
#include <linux/types.h>

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
	struct maple_tree tree;
	seqcount_spinlock_t seq;	/* odd while the tree is being changed */
	u64 changes;			/* how many there have been; from 1 on */
	struct floop_memos __percpu *memos;
	unsigned int memo_shift;	/* log2 of the sectors in a part */
	/* Kept by the mutators, read without locks for the status line. */
	unsigned long nr_extents;	/* ranges that are not unknown */
	sector_t known;			/* sectors that are not unknown */
	sector_t holes;			/* sectors that are FLOOP_HOLE */
	unsigned long forgets;		/* how often something was forgotten */
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
 * them. Any context but interrupts.
 */
void floop_map_clear(struct floop_extent_map *map);

/*
 * In a task; no locks, no allocation, no sleep. sector < FLOOP_MAX_SECTORS.
 * Always answers: a sector that was never set is FLOOP_UNKNOWN up to the next
 * range that was (or up to FLOOP_MAX_SECTORS).
 */
void floop_map_lookup(struct floop_extent_map *map, sector_t sector,
		      struct floop_answer *answer);

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

#endif
