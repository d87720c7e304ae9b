/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * inflight: who is still using what we know, and waiting until nobody is.
 *
 * An I/O enters a section before it looks at the mode or the map of a backing
 * and leaves it when it has ended, on any CPU, in any context. drain() returns
 * when every section that may have seen the state from before the call has
 * been left; sections entered meanwhile see the state from after it, and are
 * not waited for.
 *
 * That is what SRCU does, but an SRCU section must not end in an interrupt if
 * it began in a task on kernels without SMP. Two per-CPU reference counts,
 * one of them current, cost less and are allowed everywhere.
 */
#ifndef FLOOP_INFLIGHT_H
#define FLOOP_INFLIGHT_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/percpu-refcount.h>

struct floop_inflight {
	struct percpu_ref ref[2];
	unsigned int current_ref;	/* which of them new sections take */
	struct completion idle;
	struct mutex lock;		/* one drain at a time */
};

/* May sleep. Returns 0 or -ENOMEM. */
int floop_inflight_init(struct floop_inflight *inflight);

/* May sleep. No section may be open. */
void floop_inflight_exit(struct floop_inflight *inflight);

/* May sleep; takes at least an RCU grace period. */
void floop_inflight_drain(struct floop_inflight *inflight);

/* Any context. Returns what floop_inflight_leave() wants. */
static inline struct percpu_ref *
floop_inflight_enter(struct floop_inflight *inflight)
{
	struct percpu_ref *ref;

	/*
	 * The RCU section keeps a stale current_ref from surviving a drain,
	 * which contains a grace period: without it the reference that is
	 * current again after two drains could be taken by someone who has
	 * seen neither.
	 */
	rcu_read_lock();
	do {
		/* pairs with the release in drain: its caller's changes */
		ref = &inflight->ref[smp_load_acquire(&inflight->current_ref)];
	} while (unlikely(!percpu_ref_tryget_live_rcu(ref)));
	rcu_read_unlock();

	return ref;
}

static inline void floop_inflight_leave(struct percpu_ref *ref)
{
	percpu_ref_put(ref);
}

#endif
