// SPDX-License-Identifier: GPL-2.0-only
/*
 * range_tree: a B+tree of where ranges begin.
 *
 * A leaf has the first index of each range and its entry; a node above it the first
 * index below each child, exactly. Index 0 always begins a range: so each other one
 * has a neighbour before it, and nothing is ever put before the first of a leaf.
 *
 * What is replaced loses all beginnings in it, leaf by leaf, but those at its ends that
 * are right; and it gets those that are missing there. Nodes that become empty go; of
 * those next to a change two are joined if that leaves some room.
 *
 * Readers see words that are being moved from one place of a node to another. A child
 * that they find is complete, and was in the tree at some time since they began, so it
 * is not freed before they end; and it is one level below. Whether it, or the entry, is
 * that of the index is for the sequence count to say.
 *
 * Why not the kernel's maple tree, which was here before: a look-up took twice as many
 * instructions (doc/performance.md), a store cannot be prepared so that it neither
 * fails nor sleeps, neighbours with equal entries are not joined, and two bugs of 6.1
 * had to be kept away from.
 */
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "range_tree.h"

/* So many make a node half a KiB. */
#define FLOOP_NODE_SLOTS	30U

/*
 * A node gets a quarter of its children, or more, before it is split in the middle,
 * whether floop_node_split() made it or floop_path_join(): so many levels would take
 * something like 7^11 changes. A tree that needs more gets no memory.
 */
#define FLOOP_TREE_LEVELS	12

struct floop_node {
	union {
		struct rcu_head rcu;
		struct floop_node *next;	/* of spare nodes */
	};
	u16 nr;				/* keys; never 0 in a tree */
	u16 level;			/* 0: a leaf */
	unsigned long key[FLOOP_NODE_SLOTS + 1];	/* the others: ULONG_MAX */
	void *slot[FLOOP_NODE_SLOTS];	/* a child, or an entry */
};

static_assert(sizeof(struct floop_node) <= 512);

/* Two beside each other are joined if they have no more together. */
#define FLOOP_NODE_JOINED	(FLOOP_NODE_SLOTS * 3 / 4)

/* From the root, at [top], to a leaf, at [0]. */
struct floop_path {
	struct floop_node *node[FLOOP_TREE_LEVELS];
	unsigned int pos[FLOOP_TREE_LEVELS];
	unsigned int top;
};

static struct kmem_cache *floop_node_cache;

int floop_tree_module_init(void)
{
	floop_node_cache = kmem_cache_create("fastloop_node",
					     sizeof(struct floop_node), 0,
					     SLAB_RECLAIM_ACCOUNT, NULL);
	return floop_node_cache ? 0 : -ENOMEM;
}

void floop_tree_module_exit(void)
{
	/* For floop_node_free(). */
	rcu_barrier();
	kmem_cache_destroy(floop_node_cache);
}

static void floop_node_free(struct rcu_head *rcu)
{
	kmem_cache_free(floop_node_cache,
			container_of(rcu, struct floop_node, rcu));
}

/* It is not in the tree any more: no new reader finds it, others may be at it. */
static void floop_node_drop(struct floop_node *node)
{
	call_rcu(&node->rcu, floop_node_free);
}

static inline unsigned long floop_node_step(const struct floop_node *node,
					    unsigned long pos,
					    unsigned long step,
					    unsigned long index)
{
	return READ_ONCE(node->key[pos + step]) <= index ? pos + step : pos;
}

/*
 * The last key that is not above @index; 0 if all are. Always the same steps, however
 * many there are: no loop, and no branch.
 */
static inline unsigned long floop_node_search(const struct floop_node *node,
					      unsigned long index)
{
	unsigned long pos;

	static_assert(15 + 7 + 4 + 2 + 1 == FLOOP_NODE_SLOTS - 1);
	pos = floop_node_step(node, 0, 15, index);
	pos = floop_node_step(node, pos, 7, index);
	pos = floop_node_step(node, pos, 4, index);
	pos = floop_node_step(node, pos, 2, index);

	return floop_node_step(node, pos, 1, index);
}

void *floop_tree_find(const struct floop_tree *tree, unsigned long index,
		      unsigned long *first, unsigned long *last)
{
	const struct floop_node *node = READ_ONCE(tree->root);
	unsigned long next = ULONG_MAX, pos;
	void *slot;

	*first = 0;
	*last = ULONG_MAX;
	if (!node)
		return NULL;

	for (;;) {
		pos = floop_node_search(node, index);
		next = min(next, READ_ONCE(node->key[pos + 1]));
		/* Pairs with floop_node_put(). */
		smp_rmb();
		slot = READ_ONCE(node->slot[pos]);
		if (!node->level)
			break;
		node = slot;
	}
	*first = READ_ONCE(node->key[pos]);
	if (next < ULONG_MAX)
		*last = next - 1;

	return slot;
}

/* The way to the range that @index is in. The tree is not empty. */
static void floop_tree_descend(const struct floop_tree *tree,
			       unsigned long index, struct floop_path *path)
{
	struct floop_node *node = tree->root;

	path->top = node->level;
	for (;;) {
		unsigned int level = node->level;
		unsigned int pos = floop_node_search(node, index);

		path->node[level] = node;
		path->pos[level] = pos;
		if (!level)
			return;
		node = node->slot[pos];
	}
}

static void floop_node_put(struct floop_node *node, unsigned int pos,
			   unsigned long key, void *slot)
{
	/* What is in a child is there before the child is. */
	smp_store_release(&node->slot[pos], slot);
	/* And the slot before its key. Pairs with floop_tree_find(). */
	smp_store_release(&node->key[pos], key);
}

static void floop_tree_set_root(struct floop_tree *tree,
				struct floop_node *root)
{
	/* As what is in a child. */
	smp_store_release(&tree->root, root);
}

static void floop_node_insert(struct floop_node *node, unsigned int pos,
			      unsigned long key, void *slot)
{
	unsigned int i;

	for (i = node->nr++; i > pos; i--)
		floop_node_put(node, i, node->key[i - 1], node->slot[i - 1]);
	floop_node_put(node, pos, key, slot);
}

static void floop_node_truncate(struct floop_node *node, unsigned int nr)
{
	while (node->nr > nr)
		WRITE_ONCE(node->key[--node->nr], ULONG_MAX);
}

/* Not all of them. */
static void floop_node_remove(struct floop_node *node, unsigned int pos,
			      unsigned int nr)
{
	for (; pos + nr < node->nr; pos++)
		floop_node_put(node, pos, node->key[pos + nr],
			       node->slot[pos + nr]);
	floop_node_truncate(node, pos);
}

/* What is from @pos on in @from is put at the end of @to, too. */
static void floop_node_copy(struct floop_node *to,
			    const struct floop_node *from, unsigned int pos)
{
	for (; pos < from->nr; pos++)
		floop_node_put(to, to->nr++, from->key[pos], from->slot[pos]);
}

/* The node at @level begins with another key than before. */
static void floop_path_first(struct floop_path *path, unsigned int level)
{
	unsigned long key = path->node[level]->key[0];

	while (level++ < path->top) {
		WRITE_ONCE(path->node[level]->key[path->pos[level]], key);
		if (path->pos[level])
			break;
	}
}

/* The node that the path leads to at @level is not needed any more; others are. */
static void floop_path_unlink(struct floop_tree *tree, struct floop_path *path,
			      unsigned int level)
{
	unsigned int up = level + 1, i;
	struct floop_node *node = path->node[up]->slot[path->pos[up]];

	/* Nor what it is the last below. The root has two or more. */
	while (path->node[up]->nr == 1)
		up++;
	floop_node_remove(path->node[up], path->pos[up], 1);
	if (!path->pos[up])
		floop_path_first(path, up);

	floop_node_drop(node);
	for (i = level + 1; i < up; i++)
		floop_node_drop(path->node[i]);

	while (tree->root->level && tree->root->nr == 1) {
		node = tree->root;
		WRITE_ONCE(tree->root, node->slot[0]);
		floop_node_drop(node);
	}
}

/* No range begins in [first, last] any more; first > 0. Did one? */
static bool floop_tree_cut(struct floop_tree *tree, unsigned long first,
			   unsigned long last)
{
	struct floop_path path;
	struct floop_node *leaf;
	unsigned int pos, end;
	bool did = false;

	for (;;) {
		floop_tree_descend(tree, last, &path);
		leaf = path.node[0];
		end = path.pos[0] + 1;
		if (leaf->key[end - 1] < first)
			return did;

		did = true;
		pos = floop_node_search(leaf, first);
		if (leaf->key[pos] < first)
			pos++;
		if (end - pos == leaf->nr) {
			floop_path_unlink(tree, &path, 0);
			continue;
		}
		floop_node_remove(leaf, pos, end - pos);
		if (!pos)
			floop_path_first(&path, 0);
	}
}

static struct floop_node *floop_spare_take(struct floop_node **spare,
					   unsigned int level)
{
	struct floop_node *node = *spare;

	*spare = node->next;
	node->nr = 0;
	node->level = level;
	memset(node->key, 0xff, sizeof(node->key));

	return node;
}

/*
 * A slot at @pos of a node that is full. Returns the node behind it, new.
 *
 * Files are gone through in order, from the beginning or from anywhere. So a leaf is cut
 * where the new slot goes, which the next one will be behind, if that leaves it half of
 * what it has or more. Others are cut in the middle, or stay full if they are the @last
 * of their level, and the new one is that now: if any could be cut anywhere, one change
 * could do that to a node on each level, again and again.
 */
static struct floop_node *floop_node_split(struct floop_node *node, bool last,
					   unsigned int pos, unsigned long key,
					   void *slot,
					   struct floop_node **spare)
{
	struct floop_node *new = floop_spare_take(spare, node->level);
	unsigned int cut = FLOOP_NODE_SLOTS / 2;

	if (!node->level || (last && pos == FLOOP_NODE_SLOTS))
		cut = max(cut, pos);
	floop_node_copy(new, node, cut);
	floop_node_truncate(node, cut);
	/* The same change may have another one behind it: there has to be room. */
	if (pos <= cut && cut + 1 < FLOOP_NODE_SLOTS)
		floop_node_insert(node, pos, key, slot);
	else
		floop_node_insert(new, pos - cut, key, slot);

	return new;
}

/* A range with @entry begins at @key, where none did; key > 0. */
static void floop_tree_insert(struct floop_tree *tree, unsigned long key,
			      void *entry, struct floop_node **spare)
{
	struct floop_path path;
	struct floop_node *node, *root;
	void *slot = entry;
	unsigned int level, last;

	floop_tree_descend(tree, key, &path);
	/* From which level on the path goes through the last nodes. */
	for (last = path.top; last; last--)
		if (path.pos[last] + 1 < path.node[last]->nr)
			break;

	for (level = 0; level <= path.top; level++) {
		node = path.node[level];
		if (node->nr < FLOOP_NODE_SLOTS) {
			floop_node_insert(node, path.pos[level] + 1, key, slot);
			return;
		}
		slot = floop_node_split(node, level >= last,
					path.pos[level] + 1, key, slot, spare);
		key = ((struct floop_node *)slot)->key[0];
	}

	root = floop_spare_take(spare, level);
	floop_node_insert(root, 0, tree->root->key[0], tree->root);
	floop_node_insert(root, 1, key, slot);
	floop_tree_set_root(tree, root);
}

/* Joins the nodes at @pos of the one above, and behind it, if they have few. */
static bool floop_path_join(struct floop_tree *tree, struct floop_path *path,
			    unsigned int level, unsigned int pos)
{
	const struct floop_node *above = path->node[level + 1];
	struct floop_node *left = above->slot[pos], *right = above->slot[pos + 1];

	if (left->nr + right->nr > FLOOP_NODE_JOINED)
		return false;

	floop_node_copy(left, right, 0);
	path->pos[level + 1] = pos + 1;
	floop_path_unlink(tree, path, level);

	return true;
}

/* A node on the way to @index with one beside it. False: there are none to join. */
static bool floop_tree_join(struct floop_tree *tree, unsigned long index)
{
	struct floop_path path;
	unsigned int level, pos;

	floop_tree_descend(tree, index, &path);
	for (level = 0; level < path.top; level++) {
		pos = path.pos[level + 1];
		if (pos + 1 < path.node[level + 1]->nr &&
		    floop_path_join(tree, &path, level, pos))
			return true;
		if (pos && floop_path_join(tree, &path, level, pos - 1))
			return true;
	}

	return false;
}

/* What a change does to beginnings: those in [from, behind) go. */
struct floop_ends {
	unsigned long from, behind;
	bool stays;			/* the one at its first, with another entry */
	bool adds_first, adds_after;
	void *after;			/* the entry behind it */
};

static struct floop_ends floop_tree_ends(const struct floop_tree *tree,
					 unsigned long first,
					 unsigned long last, void *entry)
{
	struct floop_ends ends = {};
	unsigned long at, end;
	bool begins, joins;

	floop_tree_find(tree, first, &at, &end);
	begins = at == first;
	joins = first && floop_tree_find(tree, first - 1, &at, &end) == entry;
	ends.stays = begins && !joins;
	ends.adds_first = !begins && !joins;
	ends.from = ends.stays ? first + 1 : first;

	ends.after = floop_tree_find(tree, last + 1, &at, &end);
	ends.adds_after = ends.after != entry && at <= last;
	ends.behind = at;
	if (ends.after == entry || at <= last)
		ends.behind = min(end, ULONG_MAX - 2) + 1;

	return ends;
}

unsigned int floop_tree_need(const struct floop_tree *tree, unsigned long first,
			     unsigned long last, void *entry)
{
	struct floop_path path;
	struct floop_ends ends;
	unsigned int level, nr;

	if (!tree->root)
		return 1;

	/* Where both go that may be new: the first can fill the leaf. */
	ends = floop_tree_ends(tree, first, last, entry);
	floop_tree_descend(tree, ends.from - 1, &path);
	nr = path.node[0]->nr + ends.adds_first + ends.adds_after;
	if (nr <= FLOOP_NODE_SLOTS)
		return 0;
	for (level = 1; level <= path.top; level++)
		if (path.node[level]->nr < FLOOP_NODE_SLOTS)
			break;

	/* And a root: the cut may take the one with room, if it has no more children. */
	return level + 1;
}

void floop_tree_replace(struct floop_tree *tree, unsigned long first,
			unsigned long last, void *entry,
			struct floop_node **spare)
{
	struct floop_path path;
	struct floop_ends ends;
	struct floop_node *root, *had;
	bool cut;

	if (!tree->root) {
		root = floop_spare_take(spare, 0);
		floop_node_insert(root, 0, 0, NULL);
		floop_tree_set_root(tree, root);
	}

	ends = floop_tree_ends(tree, first, last, entry);
	cut = floop_tree_cut(tree, ends.from, ends.behind - 1);
	had = *spare;
	if (ends.stays) {
		floop_tree_descend(tree, first, &path);
		WRITE_ONCE(path.node[0]->slot[path.pos[0]], entry);
	}
	if (ends.adds_first)
		floop_tree_insert(tree, first, entry, spare);
	if (ends.adds_after)
		floop_tree_insert(tree, last + 1, ends.after, spare);
	/* If no node has fewer than before, and none is new, there is nothing to join. */
	if (!cut && *spare == had)
		return;
	while (floop_tree_join(tree, first) || floop_tree_join(tree, ends.behind))
		;
}

struct floop_node *floop_nodes_alloc(unsigned int nr, gfp_t gfp)
{
	struct floop_node *nodes = NULL, *node;

	if (nr > FLOOP_TREE_LEVELS)
		return NULL;

	while (nr--) {
		/* Who asks can do without. */
		node = kmem_cache_alloc(floop_node_cache, gfp | __GFP_NOWARN);
		if (!node) {
			floop_nodes_free(nodes);
			return NULL;
		}
		node->next = nodes;
		nodes = node;
	}

	return nodes;
}

void floop_nodes_free(struct floop_node *nodes)
{
	struct floop_node *node;

	while ((node = nodes)) {
		nodes = node->next;
		kmem_cache_free(floop_node_cache, node);
	}
}

void floop_tree_free(struct floop_node *root)
{
	struct floop_path path;
	struct floop_node *node = root;
	unsigned int level;

	if (!root)
		return;

	path.top = root->level;
	for (;;) {
		/* Down to a leaf. */
		for (;;) {
			level = node->level;
			path.node[level] = node;
			path.pos[level] = 0;
			if (!level)
				break;
			node = node->slot[0];
		}
		/* Up, as long as there is nothing beside it. */
		floop_node_drop(path.node[0]);
		for (level = 1; level <= path.top; level++) {
			if (++path.pos[level] < path.node[level]->nr)
				break;
			floop_node_drop(path.node[level]);
		}
		if (level > path.top)
			return;
		node = path.node[level]->slot[path.pos[level]];
		cond_resched();
	}
}
