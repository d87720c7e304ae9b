/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * range_tree: for each index from 0 to ULONG_MAX an entry, the same for all of a
 * range; a B+tree of where ranges begin.
 *
 * Concurrency: floop_tree_find() may run in an RCU read-side section beside a
 * mutation, and is memory-safe then, no more: its answer counts if a sequence count
 * around the mutations says that none overlapped it. Mutations exclude each other.
 *
 * Entries are pointers to nothing, or NULL, which is what all of an empty tree is.
 */
#ifndef FLOOP_RANGE_TREE_H
#define FLOOP_RANGE_TREE_H

#include <linux/gfp.h>
#include <linux/types.h>

struct floop_node;

struct floop_tree {
	struct floop_node *root;	/* NULL: all is NULL */
};

/* The cache that all nodes are from. Returns 0 or -ENOMEM. May sleep. */
int floop_tree_module_init(void);
void floop_tree_module_exit(void);

/*
 * The entry at @index, which is below ULONG_MAX, and the range that has it: its
 * neighbours have others. In an RCU read-side section, or where no mutation can run.
 */
void *floop_tree_find(const struct floop_tree *tree, unsigned long index,
		      unsigned long *first, unsigned long *last);

/* How many nodes floop_tree_replace() of the same can use. */
unsigned int floop_tree_need(const struct floop_tree *tree, unsigned long first,
			     unsigned long last, void *entry);

/* A list of @nr nodes, or NULL. May sleep as gfp allows. */
struct floop_node *floop_nodes_alloc(unsigned int nr, gfp_t gfp);
void floop_nodes_free(struct floop_node *nodes);

/*
 * Makes @entry that of [first, last], and of no more; last < ULONG_MAX - 2. It is
 * joined with neighbours that have the same. Takes nodes from @spare, which has what
 * floop_tree_need() says. Does not sleep; nodes that are not used any more are freed
 * after readers.
 */
void floop_tree_replace(struct floop_tree *tree, unsigned long first,
			unsigned long last, void *entry,
			struct floop_node **spare);

/*
 * Frees a tree that no new reader finds: one whose root was taken from where they
 * look. May sleep.
 */
void floop_tree_free(struct floop_node *root);

#endif
