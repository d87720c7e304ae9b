// SPDX-License-Identifier: GPL-2.0-only
/*
 * inflight: see inflight.h.
 */
#include <linux/errno.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "inflight.h"

int floop_inflight_init(struct floop_inflight *inflight)
{
	inflight->sections = alloc_percpu(struct floop_sections);
	if (!inflight->sections)
		return -ENOMEM;

	inflight->current_nr = 0;
	inflight->draining = false;
	init_waitqueue_head(&inflight->left);
	mutex_init(&inflight->lock);

	return 0;
}

void floop_inflight_exit(struct floop_inflight *inflight)
{
	mutex_destroy(&inflight->lock);
	free_percpu(inflight->sections);
}

void floop_inflight_leave_drain(struct floop_inflight *inflight,
				unsigned int section)
{
	smp_mb();	/* what the section did before its end; see is_idle */
	this_cpu_dec(inflight->sections->nr[section]);
	/* has a barrier between the decrement and the look at the queue */
	if (wq_has_sleeper(&inflight->left))
		wake_up(&inflight->left);
}

/*
 * Nobody enters with this number any more, so what each CPU has only falls,
 * and what we add up is no less than what there is when we are through.
 */
static bool floop_inflight_is_idle(struct floop_inflight *inflight,
				   unsigned int section)
{
	long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(inflight->sections, cpu)->nr[section]);
	smp_mb();	/* pairs with the one in leave_drain */

	return !sum;
}

void floop_inflight_drain(struct floop_inflight *inflight)
{
	unsigned int old;

	mutex_lock(&inflight->lock);
	old = inflight->current_nr;
	WRITE_ONCE(inflight->draining, true);
	/*
	 * What the caller changed before this call comes before the switch:
	 * whoever enters with the other number sees it. Pairs with
	 * smp_load_acquire() in enter.
	 */
	smp_store_release(&inflight->current_nr, !old);
	/*
	 * Enter and leave do not let themselves be preempted, and a grace
	 * period waits for whoever does not. So after it all who have read the
	 * old number have counted themselves; all who left without knowing of
	 * a drain have been counted, and we see what they did; and who leaves
	 * from now on knows. And nobody still holds on to a number that
	 * the next drain makes current again.
	 */
	synchronize_rcu_expedited();
	wait_event(inflight->left, floop_inflight_is_idle(inflight, old));
	WRITE_ONCE(inflight->draining, false);
	mutex_unlock(&inflight->lock);
}
