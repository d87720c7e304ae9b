// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of the range tree: its shape after each of many random changes, how
 * much memory it takes, and readers beside a mutator. What it finds is compared with
 * a plain array, as well as that of the map on it, in extent_map_model_kunit.c.
 */
#include <kunit/test.h>
#include <linux/kthread.h>
#include <linux/prandom.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seqlock.h>
#include <linux/xarray.h>

static void test_call_rcu(struct rcu_head *rcu, rcu_callback_t func);

#define call_rcu	test_call_rcu
#include "range_tree.c"
#undef call_rcu

/* A kernel that checks itself runs in a slow guest as well. */
#define SLOWNESS	(IS_ENABLED(CONFIG_KASAN) ? 10 : 1)

#define MAX_INDEX	4000U

static bool node_is_below(const struct floop_node *node,
			  const struct floop_node *top)
{
	unsigned int i;

	if (node == top)
		return true;
	for (i = 0; top->level && i < top->nr; i++)
		if (node_is_below(node, top->slot[i]))
			return true;
	return false;
}

/* Nodes of this tree are given to RCU; so many while readers could still find them. */
static const struct floop_tree *watched;
static unsigned int found_when_dropped;

static void test_call_rcu(struct rcu_head *rcu, rcu_callback_t func)
{
	if (watched && node_is_below(container_of(rcu, struct floop_node, rcu),
				     watched->root))
		found_when_dropped++;
	call_rcu(rcu, func);
}

struct shape {
	unsigned int nodes;
	unsigned int leaves;
	unsigned int ranges;
};

static struct floop_node *spare_nodes(struct kunit *test,
				      const struct floop_tree *tree,
				      unsigned long first, unsigned long last,
				      void *entry)
{
	unsigned int need = floop_tree_need(tree, first, last, entry);
	struct floop_node *spare = NULL;

	if (need) {
		spare = floop_nodes_alloc(need, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, spare);
	}
	return spare;
}

static void replace(struct kunit *test, struct floop_tree *tree,
		    unsigned long first, unsigned long last, void *entry)
{
	struct floop_node *spare = spare_nodes(test, tree, first, last,
						entry);

	floop_tree_replace(tree, first, last, entry, &spare);
	floop_nodes_free(spare);
}

/* What a node promises. @begin is what its parent says that it begins with. */
static bool node_is_right(struct kunit *test, const struct floop_node *node,
			  unsigned long begin, unsigned long end,
			  struct shape *shape)
{
	unsigned int i;

	shape->nodes++;
	if (!node->nr || node->nr > FLOOP_NODE_SLOTS || node->key[0] != begin) {
		KUNIT_FAIL(test, "level %u: %u keys from %lu, should be from %lu",
			   node->level, node->nr, node->key[0], begin);
		return false;
	}
	for (i = 0; i < node->nr; i++) {
		unsigned long last = i + 1 < node->nr ? node->key[i + 1] - 1 : end;
		const struct floop_node *child = node->slot[i];

		if (last < node->key[i] || last > end) {
			KUNIT_FAIL(test, "level %u: [%lu, %lu] ends at %lu",
				   node->level, begin, end, last);
			return false;
		}
		if (!node->level)
			continue;
		if (child->level != node->level - 1) {
			KUNIT_FAIL(test, "level %u below %u", child->level,
				   node->level);
			return false;
		}
		if (!node_is_right(test, child, node->key[i], last, shape))
			return false;
	}
	if (!node->level) {
		shape->leaves++;
		shape->ranges += node->nr;
	}
	return true;
}

/* Goes through all ranges, each of which differs from the one before it. */
static bool ranges_are_right(struct kunit *test, const struct floop_tree *tree,
			     unsigned int expected)
{
	unsigned long at = 0, first, last;
	void *entry, *before = NULL;
	unsigned int nr = 0;

	for (;;) {
		entry = floop_tree_find(tree, at, &first, &last);
		if (first != at || (nr && entry == before)) {
			KUNIT_FAIL(test, "range at %lu begins at %lu", at, first);
			return false;
		}
		nr++;
		if (last == ULONG_MAX)
			break;
		before = entry;
		at = last + 1;
	}
	if (nr == expected)
		return true;
	KUNIT_FAIL(test, "%u ranges, should be %u", nr, expected);
	return false;
}

static bool tree_is_right(struct kunit *test, const struct floop_tree *tree,
			  struct shape *shape)
{
	*shape = (struct shape){};
	if (tree->root->level && tree->root->nr < 2) {
		KUNIT_FAIL(test, "a root with one child");
		return false;
	}
	return node_is_right(test, tree->root, 0, ULONG_MAX, shape) &&
	       ranges_are_right(test, tree, shape->ranges);
}

struct habit {
	const char *name;
	unsigned int nr_ops;
	unsigned int max_len;
	unsigned int forgets;		/* of eight */
};

static const struct habit habits[] = {
	{ "single ones", 20000, 1, 1 },
	{ "short ranges", 20000, 8, 2 },
	{ "as much forgotten as set", 20000, 3, 4 },
	{ "long ranges", 20000, 1000, 2 },
	{ "much is forgotten", 20000, 40, 7 },
};

static void habit_desc(const struct habit *habit, char *desc)
{
	strscpy(desc, habit->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(habits, habits, habit_desc);

static void tree_shape_test(struct kunit *test)
{
	const struct habit *habit = test->param_value;
	struct floop_tree tree = {};
	struct rnd_state rnd;
	struct shape shape;
	unsigned long *model;
	unsigned int i, j, most = 0;

	model = kunit_kcalloc(test, MAX_INDEX, sizeof(*model), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, model);
	prandom_seed_state(&rnd, 7);
	watched = &tree;
	found_when_dropped = 0;

	for (i = 0; i < habit->nr_ops / SLOWNESS; i++) {
		unsigned int first = prandom_u32_state(&rnd) % MAX_INDEX;
		unsigned int len = 1 + prandom_u32_state(&rnd) % habit->max_len;
		unsigned int last = min(first + len, MAX_INDEX) - 1;
		unsigned long value = prandom_u32_state(&rnd) % 8;
		unsigned long begin, end;

		/* Small values are NULL, the others an entry. */
		value = value < habit->forgets ? 0 : value;
		replace(test, &tree, first, last,
			value ? xa_mk_value(value) : NULL);
		for (j = first; j <= last; j++)
			model[j] = value;

		if (i % 16)
			continue;
		if (!tree_is_right(test, &tree, &shape))
			break;
		most = max(most, shape.nodes);
		for (j = 0; j < MAX_INDEX; j++) {
			void *entry = floop_tree_find(&tree, j, &begin, &end);

			if (entry == (model[j] ? xa_mk_value(model[j]) : NULL))
				continue;
			KUNIT_FAIL(test, "operation %u: %u is %lu, should be %lu",
				   i, j, xa_to_value(entry), model[j]);
			goto out;
		}
		cond_resched();
	}
	kunit_info(test, "%s: %u operations, %u nodes at most, %u levels, %u ranges in %u leaves\n",
		   habit->name, i, most, tree.root->level + 1U, shape.ranges,
		   shape.leaves);

	/* One range takes one node, whatever there has been. */
	replace(test, &tree, 0, MAX_INDEX, xa_mk_value(1));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	KUNIT_EXPECT_EQ(test, shape.nodes, 1U);
	KUNIT_EXPECT_EQ(test, found_when_dropped, 0U);
out:
	watched = NULL;
	floop_tree_free(tree.root);
}

/* Files are gone through from the beginning, and their maps are not small. */
static void tree_in_order_test(struct kunit *test)
{
	const unsigned int nr = 100000 / SLOWNESS;
	struct floop_tree tree = {};
	struct shape shape;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		replace(test, &tree, 16UL * i, 16UL * i + 7, xa_mk_value(1));
		replace(test, &tree, 16UL * i + 8, 16UL * i + 15, xa_mk_value(2));
		if (!(i % 1024))
			cond_resched();
	}
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	KUNIT_EXPECT_EQ(test, shape.ranges, 2 * nr + 1);
	/* 18 bytes a range at most. */
	KUNIT_EXPECT_LE(test, shape.nodes * 512, 18 * shape.ranges + 4 * 512);
	floop_tree_free(tree.root);
}

/* From the beginning of each piece, and the pieces in any order. */
static void tree_in_pieces_test(struct kunit *test)
{
	const unsigned int len = 100, nr_pieces = 1009 / SLOWNESS;
	struct floop_tree tree = {};
	struct shape shape;
	unsigned int i, at;

	for (i = 0; i < nr_pieces * len; i++) {
		at = i / len * 617 % nr_pieces * len + i % len;
		replace(test, &tree, 8UL * at, 8UL * at + 7,
			xa_mk_value(1 + at % 2));
		if (!(i % 1024))
			cond_resched();
	}
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	KUNIT_EXPECT_EQ(test, shape.ranges, nr_pieces * len + 1);
	kunit_info(test, "%u ranges in %u nodes\n", shape.ranges, shape.nodes);
	KUNIT_EXPECT_LE(test, shape.nodes * 512, 20 * shape.ranges + 8 * 512);
	floop_tree_free(tree.root);
}

/* All but one of each @nr ranges go, and so does the memory. */
static void tree_thins_out(struct kunit *test, unsigned int nr)
{
	const unsigned int all = 100000 / SLOWNESS;
	struct floop_tree tree = {};
	struct shape before, after;
	unsigned int i;

	for (i = 0; i < all; i++) {
		replace(test, &tree, 2UL * i, 2UL * i, xa_mk_value(1));
		if (!(i % 1024))
			cond_resched();
	}
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &before));
	for (i = 0; i < all; i++) {
		if (i % nr)
			replace(test, &tree, 2UL * i, 2UL * i, NULL);
		if (!(i % 1024))
			cond_resched();
	}
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &after));
	kunit_info(test, "%u ranges in %u nodes, %u in %u\n", before.ranges,
		   before.nodes, after.ranges, after.nodes);
	KUNIT_EXPECT_LE(test, after.nodes * 15, after.ranges + 60);
	floop_tree_free(tree.root);
}

/* A few of each leaf stay. */
static void tree_thins_out_test(struct kunit *test)
{
	tree_thins_out(test, 32);
}

/* One of all leaves below a node stays. */
static void tree_thins_out_above_test(struct kunit *test)
{
	tree_thins_out(test, 1000);
}

/* Of each node above leaves the last range stays, the others go at once. */
static void tree_thins_out_at_once_test(struct kunit *test)
{
	const unsigned int below = FLOOP_NODE_SLOTS * FLOOP_NODE_SLOTS / 2;
	const unsigned int all = 200 / SLOWNESS * below;
	struct floop_tree tree = {};
	struct shape shape;
	unsigned int i;

	for (i = 0; i < all; i++) {
		replace(test, &tree, 2UL * i, 2UL * i, xa_mk_value(1));
		if (!(i % 1024))
			cond_resched();
	}
	/* From the end on: what is before each has all of its own still. */
	for (i = all - 1; i > below; i -= below)
		replace(test, &tree, 2UL * (i - below) + 1, 2UL * i - 1, NULL);
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	kunit_info(test, "%u ranges in %u nodes\n", shape.ranges, shape.nodes);
	KUNIT_EXPECT_LE(test, shape.nodes * 11, shape.ranges + 8 * 11);
	floop_tree_free(tree.root);
}

/* What brings no more beginnings than it takes needs no memory, where all is full. */
static void tree_changes_in_place_test(struct kunit *test)
{
	const unsigned int nr = FLOOP_NODE_SLOTS * FLOOP_NODE_SLOTS / 2;
	struct floop_tree tree = {};
	struct floop_node *none = NULL;
	struct shape shape;
	unsigned long i;

	for (i = 0; i < nr; i++)
		replace(test, &tree, 4 * i, 4 * i + 1, xa_mk_value(1));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	KUNIT_EXPECT_EQ(test, shape.leaves, FLOOP_NODE_SLOTS);
	/* From the end on, so that those before are full still. */
	for (i = nr; i--; ) {
		if (floop_tree_need(&tree, 4 * i, 4 * i + 1, xa_mk_value(2)) ||
		    floop_tree_need(&tree, 4 * i, 4 * i + 1, NULL)) {
			KUNIT_FAIL(test, "memory to change range %lu", i);
			break;
		}
		floop_tree_replace(&tree, 4 * i, 4 * i + 1, NULL, &none);
	}
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	KUNIT_EXPECT_EQ(test, shape.nodes, 1U);
	floop_tree_free(tree.root);
}

/* Between leaves that lose most of what they had is one that never had more than one. */
static void tree_lone_leaves_test(struct kunit *test)
{
	const unsigned int nr_leaves = 3000 / SLOWNESS;
	const unsigned int slots = FLOOP_NODE_SLOTS;
	struct floop_tree tree = {};
	struct shape shape;
	unsigned long i;

	for (i = 0; i < nr_leaves * slots; i++)
		replace(test, &tree, 16 * i, 16 * i + 15, xa_mk_value(1 + i % 2));
	/* Behind each that is full. */
	for (i = slots - 1; i < nr_leaves * slots; i += slots)
		replace(test, &tree, 16 * i, 16 * i + 7, xa_mk_value(3));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	KUNIT_EXPECT_GE(test, shape.leaves, 2 * nr_leaves);
	/* Of each eight stay. */
	for (i = 0; i < nr_leaves * slots; i += slots)
		replace(test, &tree, 16 * (i + 5), 16 * (i + slots - 2),
			xa_mk_value(4));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &shape));
	kunit_info(test, "%u ranges in %u nodes\n", shape.ranges, shape.nodes);
	KUNIT_EXPECT_LE(test, shape.nodes * 512, 34 * shape.ranges + 8 * 512);
	floop_tree_free(tree.root);
}

/*
 * Where all is full up to the root, each range is put at the beginning of a leaf that is
 * the last of its parent.
 */
static void tree_before_the_last_test(struct kunit *test)
{
	const unsigned int nr_full = FLOOP_NODE_SLOTS * FLOOP_NODE_SLOTS - 1;
	const unsigned int nr = 20000 / SLOWNESS;
	const unsigned long step = 1UL << 20;
	const unsigned long leaf = (nr_full + 1 - FLOOP_NODE_SLOTS) * step;
	struct floop_tree tree = {};
	struct shape before, after;
	unsigned long i;

	for (i = 0; i < nr_full; i++)
		replace(test, &tree, i * step, (i + 1) * step - 1,
			xa_mk_value(1 + i % 2));
	replace(test, &tree, 2 * nr_full * step, 2 * nr_full * step + 7,
		xa_mk_value(1));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &before));
	KUNIT_EXPECT_EQ(test, before.nodes, FLOOP_NODE_SLOTS + 4);
	for (i = nr; i; i--)
		replace(test, &tree, leaf + 16 * i, leaf + 16 * i + 7,
			xa_mk_value(3));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &after));
	kunit_info(test, "%u ranges in %u nodes, %u in %u\n", before.ranges,
		   before.nodes, after.ranges, after.nodes);
	KUNIT_EXPECT_LE(test, (after.nodes - before.nodes) * 512,
			37 * (after.ranges - before.ranges) + 8 * 512);
	floop_tree_free(tree.root);
}

/*
 * Behind leaves and what is above them, all full, and @nr_before that are in the last
 * leaf, each range is put before the one that was put there last, as when somebody reads
 * backwards. They may take @bytes each.
 */
static void tree_backwards(struct kunit *test, unsigned int nr_before,
			   unsigned int bytes)
{
	const unsigned int nr = 20000 / SLOWNESS;
	struct floop_tree tree = {};
	struct shape before, after;
	unsigned int i;

	/* The last begins where nothing is known any more. */
	for (i = 0; i < FLOOP_NODE_SLOTS * FLOOP_NODE_SLOTS - 1 + nr_before; i++)
		replace(test, &tree, i, i, xa_mk_value(1 + i % 2));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &before));
	for (i = nr; i; i--)
		replace(test, &tree, 1000 + 16UL * i, 1007 + 16UL * i,
			xa_mk_value(1));
	KUNIT_EXPECT_TRUE(test, tree_is_right(test, &tree, &after));
	kunit_info(test, "%u ranges in %u nodes, %u in %u\n", before.ranges,
		   before.nodes, after.ranges, after.nodes);
	KUNIT_EXPECT_LE(test, (after.nodes - before.nodes) * 512,
			bytes * (after.ranges - before.ranges) + 8 * 512);
	floop_tree_free(tree.root);
}

/* All are half full: 37 bytes a range. */
static void tree_backwards_test(struct kunit *test)
{
	tree_backwards(test, 1, 37);
}

/* The worst: what is left of each leaf cannot be joined with what is left of the next. */
static void tree_backwards_behind_some_test(struct kunit *test)
{
	tree_backwards(test, 17, 46);
}

/* --- readers beside a mutator -------------------------------------------- */

/* Each entry is that of its place: what no overlapping mutation made must fit. */
struct beside {
	struct floop_tree tree;
	spinlock_t lock;		/* of the mutator */
	seqcount_spinlock_t seq;
	unsigned long found;
	unsigned long wrong;
};

#define PLACE_LEN	8UL

static int read_on(void *data)
{
	struct beside *b = data;
	struct rnd_state rnd;
	unsigned long index, first, last, place;
	unsigned int seq;
	void *entry;

	prandom_seed_state(&rnd, 11);
	while (!kthread_should_stop()) {
		index = prandom_u32_state(&rnd) % (MAX_INDEX * PLACE_LEN);
		place = index / PLACE_LEN;

		seq = raw_seqcount_begin(&b->seq);
		rcu_read_lock();
		entry = floop_tree_find(&b->tree, index, &first, &last);
		rcu_read_unlock();
		if (read_seqcount_retry(&b->seq, seq)) {
			cond_resched();
			continue;
		}
		b->found++;
		if (index < first || index > last ||
		    (entry && (entry != xa_mk_value(place + 1) ||
			       first < place * PLACE_LEN ||
			       last >= (place + 1) * PLACE_LEN)))
			b->wrong++;
		cond_resched();
	}
	return 0;
}

static void tree_beside_readers_test(struct kunit *test)
{
	struct beside *b = kunit_kzalloc(test, sizeof(*b), GFP_KERNEL);
	struct task_struct *reader;
	struct floop_node *spare;
	struct rnd_state rnd;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, b);
	spin_lock_init(&b->lock);
	seqcount_spinlock_init(&b->seq, &b->lock);
	prandom_seed_state(&rnd, 13);
	reader = kthread_run(read_on, b, "read_on");
	KUNIT_ASSERT_FALSE(test, IS_ERR(reader));

	for (i = 0; i < 300000 / SLOWNESS; i++) {
		unsigned long place = prandom_u32_state(&rnd) % MAX_INDEX;
		unsigned long first = place * PLACE_LEN;
		unsigned long last = first + PLACE_LEN - 1;
		void *entry = xa_mk_value(place + 1);

		/* One, or many at once are forgotten. */
		if (prandom_u32_state(&rnd) % 4 == 0) {
			entry = NULL;
			if (prandom_u32_state(&rnd) % 16 == 0)
				last += 400 * PLACE_LEN;
		}
		spare = spare_nodes(test, &b->tree, first, last, entry);
		spin_lock(&b->lock);
		write_seqcount_begin(&b->seq);
		floop_tree_replace(&b->tree, first, last, entry, &spare);
		write_seqcount_end(&b->seq);
		spin_unlock(&b->lock);
		floop_nodes_free(spare);
		if (!(i % 64))
			cond_resched();
	}
	kthread_stop(reader);
	kunit_info(test, "%u changes, %lu found beside them\n", i, b->found);
	KUNIT_EXPECT_NE(test, b->found, 0UL);
	KUNIT_EXPECT_EQ(test, b->wrong, 0UL);
	floop_tree_free(b->tree.root);
}

static int range_tree_suite_init(struct kunit_suite *suite)
{
	return floop_tree_module_init();
}

static void range_tree_suite_exit(struct kunit_suite *suite)
{
	floop_tree_module_exit();
}

static struct kunit_case range_tree_cases[] = {
	KUNIT_CASE_PARAM(tree_shape_test, habits_gen_params),
	KUNIT_CASE(tree_in_order_test),
	KUNIT_CASE(tree_in_pieces_test),
	KUNIT_CASE(tree_thins_out_test),
	KUNIT_CASE(tree_thins_out_above_test),
	KUNIT_CASE(tree_thins_out_at_once_test),
	KUNIT_CASE(tree_changes_in_place_test),
	KUNIT_CASE(tree_lone_leaves_test),
	KUNIT_CASE(tree_before_the_last_test),
	KUNIT_CASE(tree_backwards_test),
	KUNIT_CASE(tree_backwards_behind_some_test),
	KUNIT_CASE(tree_beside_readers_test),
	{ }
};

static struct kunit_suite range_tree_suite = {
	.name = "fastloop_range_tree",
	.suite_init = range_tree_suite_init,
	.suite_exit = range_tree_suite_exit,
	.test_cases = range_tree_cases,
};

kunit_test_suite(range_tree_suite);
