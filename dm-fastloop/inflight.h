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
 * it began in a task on kernels without SMP, and its readers pay for two memory
 * barriers. Here a drain pays for them, with a grace period of RCU: see drain.
 */
#ifndef FLOOP_INFLIGHT_H
#define FLOOP_INFLIGHT_H

#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/wait.h>

/* Of one CPU: entered minus left there; only the sum over all CPUs counts. */
struct floop_sections {
	long nr[2];
};

struct floop_inflight {
	struct floop_sections __percpu *sections;
	unsigned int current_nr;	/* which of them new sections count in */
	bool draining;			/* who leaves has to say so */
	wait_queue_head_t left;
	struct mutex lock;		/* one drain at a time */
};

/* May sleep. Returns 0 or -ENOMEM. */
int floop_inflight_init(struct floop_inflight *inflight);

/* May sleep. No section may be open. */
void floop_inflight_exit(struct floop_inflight *inflight);

/* May sleep; takes at least an RCU grace period. */
void floop_inflight_drain(struct floop_inflight *inflight);

/* For floop_inflight_leave(). */
void floop_inflight_leave_drain(struct floop_inflight *inflight,
				unsigned int section);

/* Any context. Returns what floop_inflight_leave() wants. */
static inline unsigned int floop_inflight_enter(struct floop_inflight *inflight)
{
	unsigned int section;

	preempt_disable();
	/* pairs with the release in drain: its caller's changes */
	section = smp_load_acquire(&inflight->current_nr);
	this_cpu_inc(inflight->sections->nr[section]);
	preempt_enable();

	return section;
}

/* Any context. The I/O ends later: until then nobody frees @inflight. */
static inline void floop_inflight_leave(struct floop_inflight *inflight,
					unsigned int section)
{
	preempt_disable();
	if (likely(!READ_ONCE(inflight->draining))) {
		this_cpu_dec(inflight->sections->nr[section]);
		preempt_enable();
		return;
	}
	preempt_enable();

	floop_inflight_leave_drain(inflight, section);
}

#endif
