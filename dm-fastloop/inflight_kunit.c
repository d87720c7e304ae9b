// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of sections and drains.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/prandom.h>

#include "inflight.c"

struct drainer {
	struct floop_inflight inflight;
	struct completion done;
	struct task_struct *task;
};

static int drain_thread(void *data)
{
	struct drainer *d = data;

	floop_inflight_drain(&d->inflight);
	complete(&d->done);
	return 0;
}

static bool drained(struct drainer *d, unsigned int ms)
{
	return wait_for_completion_timeout(&d->done, msecs_to_jiffies(ms));
}

static void start_drain(struct kunit *test, struct drainer *d)
{
	unsigned int before = READ_ONCE(d->inflight.current_nr);
	struct task_struct *task;

	init_completion(&d->done);
	task = kthread_run(drain_thread, d, "drain");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	while (READ_ONCE(d->inflight.current_nr) == before)
		schedule_timeout_uninterruptible(1);
}

/* It waits for all that began before it, and for nobody else. */
static void inflight_drain_test(struct kunit *test)
{
	struct drainer d;
	unsigned int old[3], new;
	int i, round;

	KUNIT_ASSERT_EQ(test, floop_inflight_init(&d.inflight), 0);
	floop_inflight_drain(&d.inflight);
	for (round = 0; round < 4; round++) {
		for (i = 0; i < 3; i++)
			old[i] = floop_inflight_enter(&d.inflight);
		start_drain(test, &d);
		new = floop_inflight_enter(&d.inflight);
		for (i = 0; i < 3; i++) {
			KUNIT_EXPECT_FALSE(test, drained(&d, 50));
			floop_inflight_leave(&d.inflight, old[i]);
		}
		KUNIT_EXPECT_TRUE(test, drained(&d, 5000));
		floop_inflight_leave(&d.inflight, new);
	}
	floop_inflight_drain(&d.inflight);
	floop_inflight_exit(&d.inflight);
}

/* Sections cross from CPU to CPU, while others drain without a pause. */
struct crossing {
	struct floop_inflight inflight;
	int state;		/* what a drain makes invalid */
	bool stop;
	atomic_t bad;
};

static int cross_thread(void *data)
{
	struct crossing *c = data;
	struct rnd_state rnd;
	unsigned int section;
	int seen;

	prandom_seed_state(&rnd, (unsigned long)current);
	while (!READ_ONCE(c->stop)) {
		section = floop_inflight_enter(&c->inflight);
		seen = READ_ONCE(c->state);
		if (!(prandom_u32_state(&rnd) % 8))
			cond_resched();
		/* The drainer poisons a state only after its drain. */
		if (seen < 0 || READ_ONCE(c->state) - seen > 1)
			atomic_inc(&c->bad);
		floop_inflight_leave(&c->inflight, section);
		cond_resched();
	}
	while (!kthread_should_stop())
		schedule_timeout_uninterruptible(1);
	return 0;
}

static void inflight_race_test(struct kunit *test)
{
	struct task_struct *tasks[4];
	struct crossing c = { .bad = ATOMIC_INIT(0) };
	int i;

	KUNIT_ASSERT_EQ(test, floop_inflight_init(&c.inflight), 0);
	for (i = 0; i < ARRAY_SIZE(tasks); i++) {
		tasks[i] = kthread_run(cross_thread, &c, "cross/%d", i);
		KUNIT_ASSERT_FALSE(test, IS_ERR(tasks[i]));
	}
	/* Nobody who has seen a state may still be there two states later. */
	for (i = 1; i <= 300; i++) {
		WRITE_ONCE(c.state, i);
		floop_inflight_drain(&c.inflight);
	}
	WRITE_ONCE(c.stop, true);
	for (i = 0; i < ARRAY_SIZE(tasks); i++)
		kthread_stop(tasks[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&c.bad), 0);
	floop_inflight_drain(&c.inflight);
	floop_inflight_exit(&c.inflight);
}

static struct kunit_case inflight_cases[] = {
	KUNIT_CASE(inflight_drain_test),
	KUNIT_CASE(inflight_race_test),
	{ }
};

static struct kunit_suite inflight_suite = {
	.name = "fastloop_inflight",
	.test_cases = inflight_cases,
};

kunit_test_suites(&inflight_suite);
