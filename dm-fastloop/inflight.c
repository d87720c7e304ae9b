// SPDX-License-Identifier: GPL-2.0-only
/*
 * inflight: see inflight.h.
 */
#include "inflight.h"

static void floop_idle_0(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct floop_inflight, ref[0])->idle);
}

static void floop_idle_1(struct percpu_ref *ref)
{
	complete(&container_of(ref, struct floop_inflight, ref[1])->idle);
}

int floop_inflight_init(struct floop_inflight *inflight)
{
	int error;

	inflight->current_ref = 0;
	init_completion(&inflight->idle);
	mutex_init(&inflight->lock);

	error = percpu_ref_init(&inflight->ref[0], floop_idle_0,
				PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
	if (error)
		return error;
	error = percpu_ref_init(&inflight->ref[1], floop_idle_1,
				PERCPU_REF_ALLOW_REINIT, GFP_KERNEL);
	if (error)
		percpu_ref_exit(&inflight->ref[0]);

	return error;
}

void floop_inflight_exit(struct floop_inflight *inflight)
{
	percpu_ref_exit(&inflight->ref[1]);
	percpu_ref_exit(&inflight->ref[0]);
	mutex_destroy(&inflight->lock);
}

void floop_inflight_drain(struct floop_inflight *inflight)
{
	unsigned int old;

	mutex_lock(&inflight->lock);
	old = inflight->current_ref;
	reinit_completion(&inflight->idle);
	/*
	 * What the caller changed before this call comes before the switch:
	 * whoever enters through the other reference sees it. Pairs with
	 * smp_load_acquire() in enter.
	 */
	smp_store_release(&inflight->current_ref, !old);
	percpu_ref_kill(&inflight->ref[old]);
	wait_for_completion(&inflight->idle);
	percpu_ref_reinit(&inflight->ref[old]);
	mutex_unlock(&inflight->lock);
}
