// SPDX-License-Identifier: GPL-2.0-only
/*
 * lease: why the map is true while we use it.
 *
 * The map says where the blocks of the file are. It stays true as long as
 * nobody but us changes the file's layout, and the kernel knows two ways to be
 * told before somebody does:
 *
 *   FL_DELEG	(as nfsd's delegations) is broken before the file is opened for
 *		writing, truncated, renamed, unlinked, or its attributes change
 *   FL_LAYOUT	(as nfsd's pNFS layouts) is broken by XFS before it changes
 *		the layout of a file that is not open for writing, as reflink
 *		and dedupe can do from a read-only descriptor
 *
 * Taking (floop_lease_take), in this order:
 *   1. Nobody else has the file open for writing: i_writecount is ours alone.
 *   2. The layout lease, where the file system has one. It takes no inode
 *      lock, so a remap that has already passed its last break_layout() does
 *      not see it.
 *   3. The delegation, tried for some milliseconds. Its inode_trylock() proves
 *      that no such remap, nor a setattr, is in progress.
 *   4. Full barrier, i_writecount once more: open() raises it before it looks
 *      for leases, so one of the two sees the other.
 *   5. fsync; write back and drop the page cache. Nothing is learned before.
 *
 * Being recalled: the breaker calls our lm_break under flc_lock and then waits,
 * without any inode lock, but perhaps with the super block's write access
 * (unlink, chmod, truncate), until the lease is gone. So recall must never
 * wait for that access: the worker only ever tries to get it, and whoever
 * fails goes back to the queue.
 *
 *   lm_break:	mode = recall; queue the recall work
 *   recall:	fs_lock: the worker is between two steps and will not begin
 *		another; drain: no I/O is on its way to a mapped block;
 *		forget the map; drop cached pages; release; mode = file;
 *		the queue runs again, through the file
 *
 * Return: the return work tries to take it again, once a second while others
 * have the file open or its lock, less often if attempts fail otherwise or the
 * lease does not last.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "compat.h"
#include "lease.h"
#include "map_source.h"
#include "source.h"
#include "trace.h"

#define FLOOP_RETURN_MAX	16	/* seconds between two attempts */

/*
 * Recalls must run at once and many of them at a time: one may have to wait
 * for I/O that another lets go, and so may memory reclaim. The way back is not
 * urgent, and its fsync may flush work that is not reclaim-safe.
 */
static struct workqueue_struct *floop_recall_wq;

static bool floop_has_foreign_writers(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);

	/* Below zero: writing is denied, as for a program that runs. */
	return atomic_read(&inode->i_writecount) > (backing->writable ? 1 : 0);
}

/* ---- the lock manager's side ---- */

static struct floop_backing *floop_lease_owner(struct file_lock *fl)
{
	bool *leased = fl->fl_owner;
	bool layout = fl->fl_flags & FL_LAYOUT;

	leased -= layout ? FLOOP_LEASE_LAYOUT : FLOOP_LEASE_DELEG;
	return container_of(leased, struct floop_backing, leased[0]);
}

/* Under flc_lock: may not sleep. */
static bool floop_lm_break(struct file_lock *fl)
{
	/* No time-out: the lease must not go while I/O is on its way. */
	fl->fl_break_time = 0;
	floop_lease_recall(floop_lease_owner(fl), "recalled");

	return false;
}

/* Under flc_lock. Our own writes and fallocates do not break our leases. */
static bool floop_lm_breaker_owns_lease(struct file_lock *fl)
{
	return current == floop_lease_owner(fl)->worker->task;
}

static const struct lock_manager_operations floop_lm_ops = {
	.lm_break		= floop_lm_break,
	.lm_change		= lease_modify,
	.lm_breaker_owns_lease	= floop_lm_breaker_owns_lease,
};

static int floop_lease_set(struct floop_backing *backing, int which)
{
	struct file_lock *fl = locks_alloc_lock();
	int error;

	if (!fl)
		return -ENOMEM;

	locks_init_lock(fl);
	fl->fl_lmops = &floop_lm_ops;
	fl->fl_flags = which == FLOOP_LEASE_LAYOUT ? FL_LAYOUT : FL_DELEG;
	fl->fl_type = F_RDLCK;
	fl->fl_end = OFFSET_MAX;
	fl->fl_file = backing->file;
	fl->fl_pid = current->tgid;
	/* A cookie each: with one for both, the second would be the first. */
	fl->fl_owner = &backing->leased[which];

	error = vfs_setlease(backing->file, fl->fl_type, &fl, NULL);
	if (fl)
		locks_free_lock(fl);
	if (!error)
		backing->leased[which] = true;

	return error;
}

static void floop_lease_unset(struct floop_backing *backing)
{
	int which;

	for (which = 0; which < FLOOP_NR_LEASES; which++) {
		void *owner = &backing->leased[which];

		if (!backing->leased[which])
			continue;
		/*
		 * Only a lack of rights could refuse it, and a workqueue has
		 * them all. The lock would outlive the backing.
		 */
		WARN_ON_ONCE(vfs_setlease(backing->file, F_UNLCK, NULL,
					  &owner));
		backing->leased[which] = false;
	}
}

const char *floop_mode_words(struct floop_backing *backing,
			     const char **reason)
{
	static const char * const names[] = {
		[FLOOP_MODE_FILE]	= "file",
		[FLOOP_MODE_DIRECT]	= "direct",
		[FLOOP_MODE_RECALL]	= "recall",
		[FLOOP_MODE_PIN]	= "pin",
	};
	enum floop_mode mode;

	spin_lock_irq(&backing->lock);
	mode = backing->mode;
	*reason = mode < FLOOP_MODE_DIRECT ? backing->reason : NULL;
	spin_unlock_irq(&backing->lock);
	if (!*reason)
		*reason = "-";

	return names[mode];
}

/* ---- changes of mode; state_lock held ---- */

static void floop_set_mode(struct floop_backing *backing, enum floop_mode mode,
			   const char *reason)
{
	spin_lock_irq(&backing->lock);
	WRITE_ONCE(backing->mode, mode);
	WRITE_ONCE(backing->reason, reason);
	spin_unlock_irq(&backing->lock);
	trace_fastloop_mode(backing, mode, reason);
}

/* New I/O waits in the queue, and none is under way. fs_lock held. */
static void floop_quiesce(struct floop_backing *backing, const char *reason)
{
	lockdep_assert_held(&backing->fs_lock);

	floop_set_mode(backing, FLOOP_MODE_RECALL, reason);
	floop_inflight_drain(&backing->inflight);
}

static bool floop_drop_pages(struct floop_backing *backing)
{
	if (!backing->mapping->nrpages)
		return true;
	invalidate_inode_pages2(backing->mapping);
	return !backing->mapping->nrpages;
}

/* The inode's lock was taken, or somebody was just opening the file. */
static const char floop_lease_busy[] = "lease";

static const char *floop_lease_reason(int error)
{
	/* fs.leases-enable; a conflict would be EAGAIN */
	return error == -EINVAL ? "leases_off" : floop_lease_busy;
}

/*
 * The delegation only tries the inode's lock. Readers hold that of XFS while they
 * wait for the disk, and whoever changes the file for longer: so it is tried for
 * some milliseconds, in which our I/O stands still.
 */
static int floop_lease_set_deleg(struct floop_backing *backing)
{
	int tries = 32;
	int error;

	while ((error = floop_lease_set(backing, FLOOP_LEASE_DELEG)) == -EAGAIN &&
	       --tries && !READ_ONCE(backing->broken) &&
	       !floop_has_foreign_writers(backing))
		usleep_range(100, 300);

	return error;
}

/* Steps 2 to 5; on failure returns the reason and leaves what it has taken. */
static const char *floop_lease_acquire(struct floop_backing *backing)
{
	int error = 0;

	if (floop_has_layouts(backing))
		error = floop_lease_set(backing, FLOOP_LEASE_LAYOUT);
	if (!error)
		error = floop_lease_set_deleg(backing);
	if (error == -EAGAIN && floop_has_foreign_writers(backing))
		return "writers";
	if (error)
		return floop_lease_reason(error);

	smp_mb();	/* pairs with open(): count first, then the lease */
	if (floop_has_foreign_writers(backing))
		return "writers";
	if (floop_backing_sync(backing))
		return "io_error";
	if (!floop_drop_pages(backing))
		return "cached";

	return floop_source_prepare(backing);
}

/* The long part of what is to be done, while I/O goes on through the file. */
static const char *floop_prepare_direct(struct floop_backing *backing)
{
	if (floop_backing_fsync(backing))
		return "io_error";
	return floop_drop_pages(backing) ? floop_source_probe(backing) : NULL;
}

/* file -> recall -> direct, or back to file. */
static const char *floop_go_direct(struct floop_backing *backing)
{
	const char *reason = floop_prepare_direct(backing);
	unsigned int noio;

	if (reason) {
		floop_set_mode(backing, FLOOP_MODE_FILE, reason);
		return reason;
	}

	noio = floop_fs_lock(backing);
	floop_quiesce(backing, "starting");
	WRITE_ONCE(backing->broken, false);
	/* In file mode nobody counts: everything may need the fsync. */
	atomic64_inc(&backing->dirty_seq);

	reason = floop_lease_acquire(backing);
	if (!reason) {
		spin_lock_irq(&backing->lock);
		if (backing->broken) {
			reason = "recalled";
		} else {
			backing->reason = NULL;
			WRITE_ONCE(backing->mode, FLOOP_MODE_DIRECT);
			backing->leased_since = jiffies;
		}
		spin_unlock_irq(&backing->lock);
	}
	trace_fastloop_mode(backing, backing->mode, reason);
	if (reason) {
		floop_lease_unset(backing);
		floop_set_mode(backing, FLOOP_MODE_FILE, reason);
	}
	floop_fs_unlock(backing, noio);
	floop_backing_kick(backing);
	if (!reason)
		floop_backing_tell(backing, true);

	return reason;
}

/* direct -> recall -> file. */
static void floop_go_file(struct floop_backing *backing, const char *reason)
{
	unsigned int noio = floop_fs_lock(backing);

	floop_quiesce(backing, reason);
	floop_map_clear(&backing->map);
	floop_drop_pages(backing);
	floop_backing_update_mtime(backing);
	/* If that was frozen: not later, over what others may have set. */
	WRITE_ONCE(backing->mtime_due, false);
	floop_lease_unset(backing);
	floop_set_mode(backing, FLOOP_MODE_FILE, reason);
	floop_fs_unlock(backing, noio);
	floop_backing_kick(backing);
	floop_backing_tell(backing, true);
}

static void floop_schedule_return(struct floop_backing *backing,
				  unsigned int seconds)
{
	if (!backing->closing)
		mod_delayed_work(system_unbound_wq, &backing->return_work,
				 seconds * HZ);
}

static void floop_back_off(struct floop_backing *backing)
{
	backing->return_delay = min(backing->return_delay * 2,
				    (unsigned int)FLOOP_RETURN_MAX);
}

static void floop_try_direct(struct floop_backing *backing)
{
	const char *reason;
	bool permanent;

	lockdep_assert_held(&backing->state_lock);

	if (backing->closing || backing->pinned ||
	    backing->leased[FLOOP_LEASE_DELEG])
		return;

	reason = floop_source_refuses(backing, &permanent);
	if (reason) {
		floop_set_mode(backing, FLOOP_MODE_FILE, reason);
		if (!permanent)
			floop_schedule_return(backing, FLOOP_RETURN_MAX);
		return;
	}

	if (floop_has_foreign_writers(backing)) {
		floop_set_mode(backing, FLOOP_MODE_FILE, "writers");
		floop_schedule_return(backing, 1);
		return;
	}

	reason = floop_go_direct(backing);
	if (!reason)
		return;
	/* That may be a reader, whose lock is free again the next moment. */
	if (reason != floop_lease_busy)
		floop_back_off(backing);
	floop_schedule_return(backing, backing->return_delay);
}

static void floop_return_work(struct work_struct *work)
{
	struct floop_backing *backing =
		container_of(to_delayed_work(work), struct floop_backing,
			     return_work);

	mutex_lock(&backing->state_lock);
	floop_try_direct(backing);
	mutex_unlock(&backing->state_lock);
}

static void floop_recall_work(struct work_struct *work)
{
	struct floop_backing *backing =
		container_of(work, struct floop_backing, recall_work);

	mutex_lock(&backing->state_lock);
	/* Not leased: an attempt to take it has seen "broken" and given up. */
	if (backing->leased[FLOOP_LEASE_DELEG] && READ_ONCE(backing->broken)) {
		WRITE_ONCE(backing->recalls, backing->recalls + 1);
		floop_go_file(backing, backing->reason);

		/* A lease that does not last is not worth its price. */
		if (time_before(jiffies, backing->leased_since + HZ))
			floop_back_off(backing);
		else
			backing->return_delay = 1;
		floop_schedule_return(backing, backing->return_delay);
	}
	mutex_unlock(&backing->state_lock);
}

/* ---- interface ---- */

/*
 * The modes change in workqueues only: they have the rights that leases need
 * (CAP_LEASE, and whatever a security module asks for), which whoever loads or
 * removes a table may lack.
 */
void floop_lease_take(struct floop_backing *backing)
{
	mod_delayed_work(system_unbound_wq, &backing->return_work, 0);
	flush_delayed_work(&backing->return_work);
}

void floop_lease_try(struct floop_backing *backing, unsigned long timeout)
{
	unsigned long deadline = jiffies + timeout;

	mod_delayed_work(system_unbound_wq, &backing->return_work, 0);
	/* It may have been queued again, for later: then it has been tried. */
	while (work_busy(&backing->return_work.work) &&
	       !timer_pending(&backing->return_work.timer) &&
	       time_before(jiffies, deadline))
		schedule_timeout_uninterruptible(1);
}

void floop_lease_recall(struct floop_backing *backing, const char *reason)
{
	unsigned long flags;

	spin_lock_irqsave(&backing->lock, flags);
	backing->broken = true;
	if (backing->mode == FLOOP_MODE_DIRECT) {
		WRITE_ONCE(backing->mode, FLOOP_MODE_RECALL);
		WRITE_ONCE(backing->reason, reason);
	}
	spin_unlock_irqrestore(&backing->lock, flags);

	queue_work(floop_recall_wq, &backing->recall_work);
}

/*
 * Pinning. As swapon does it: S_SWAPFILE makes writing, truncating, punching,
 * reflinking, defragmenting and unlinking fail with ETXTBSY or EPERM. It is set
 * under the lease, which proves that nobody is doing any of that, and the lease
 * is given back then: whoever opens the file should not have to wait.
 */

static const char changing[] =
	"Cannot pin: somebody else is using or changing the file";

/* Is every sector of the file at a place of its own? */
static bool floop_is_all_written(struct floop_backing *backing)
{
	sector_t end = backing->geo.file_len >> SECTOR_SHIFT;
	struct floop_answer answer;
	sector_t sector;

	for (sector = 0; sector < end; sector += answer.nr_sectors) {
		answer = floop_map_lookup(&backing->map, sector);
		if (answer.kind != FLOOP_WRITTEN)
			return false;
		cond_resched();
	}

	return end && IS_ALIGNED(i_size_read(floop_backing_inode(backing)),
				 backing->geo.align);
}

/*
 * While our I/O stands still nobody waits for the inode's lock: who reads the file
 * into memory that is mapped from a file system on the device has it, and waits for
 * that I/O. Returns NULL or the sentence for ti->error.
 */
static const char *floop_set_swapfile(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);
	const char *error = NULL;
	int tries = 32;

	while (!inode_trylock(inode)) {
		if (!--tries || READ_ONCE(backing->broken))
			return changing;
		usleep_range(100, 300);
	}
	if (IS_SWAPFILE(inode))
		error = "Cannot pin: the file is a swap file";
	else
		inode->i_flags |= S_SWAPFILE;
	inode_unlock(inode);

	return error;
}

struct floop_lease_return {
	struct work_struct work;
	struct floop_backing *backing;
};

static void floop_lease_return_work(struct work_struct *work)
{
	floop_lease_unset(container_of(work, struct floop_lease_return,
				       work)->backing);
}

/* Who loads the table may lack the rights: see floop_lease_take(). */
static void floop_lease_return(struct floop_backing *backing)
{
	struct floop_lease_return ret = { .backing = backing };

	INIT_WORK_ONSTACK(&ret.work, floop_lease_return_work);
	/* Not the queue whose works wait for our locks. */
	queue_work(system_unbound_wq, &ret.work);
	flush_work(&ret.work);
	destroy_work_on_stack(&ret.work);
}

/* direct -> recall -> pin, or on to whatever recall does. */
static const char *floop_go_pin(struct floop_backing *backing)
{
	const char *error = NULL;

	floop_quiesce(backing, "starting");
	if (backing->broken || floop_backing_sync(backing))
		error = changing;
	else
		error = floop_set_swapfile(backing);
	if (!error) {
		floop_backing_update_mtime(backing);
		backing->mtime_due = false;
		backing->pinned = true;
		floop_lease_return(backing);
		floop_set_mode(backing, FLOOP_MODE_PIN, NULL);
	} else {
		floop_lease_recall(backing, "recalled");
	}

	return error;
}

/* Others may do that to a pinned file. */
static bool floop_has_grown(struct floop_backing *backing)
{
	return i_size_read(floop_backing_inode(backing)) > backing->geo.file_len;
}

static const char *floop_pin(struct floop_backing *backing)
{
	static const char unwritten[] =
		"Cannot pin: the file has holes or unwritten blocks, or ends within a block";
	const char *error = NULL;
	unsigned int noio;

	lockdep_assert_held(&backing->state_lock);

	if (backing->pinned)
		return floop_has_grown(backing) ?
		       "Cannot pin: it is pinned, and the file has grown since then" :
		       NULL;
	if (!backing->bdev)
		return "Cannot pin: this file system moves blocks";
	if (!backing->leased[FLOOP_LEASE_DELEG])
		return "Cannot pin: not in direct mode; is somebody writing to the file?";

	noio = floop_fs_lock(backing);
	if (!floop_source_preload(backing, MAX_JIFFY_OFFSET) ||
	    !floop_is_all_written(backing))
		error = READ_ONCE(backing->broken) ? changing : unwritten;
	else
		error = floop_go_pin(backing);
	floop_fs_unlock(backing, noio);
	floop_backing_kick(backing);

	return error;
}

const char *floop_lease_pin(struct floop_backing *backing)
{
	const char *error;

	mutex_lock(&backing->state_lock);
	error = floop_pin(backing);
	if (!error)
		backing->pins++;
	mutex_unlock(&backing->state_lock);

	return error;
}

/*
 * The inode's lock first, while I/O goes on (see floop_set_swapfile()). Elsewhere it
 * is taken under fs_lock, so that one is only tried.
 */
static void floop_unpin_lock(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);

	inode_lock(inode);
	while (!mutex_trylock(&backing->fs_lock)) {
		inode_unlock(inode);
		usleep_range(100, 300);
		inode_lock(inode);
	}
}

static void floop_unpin(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);
	unsigned int noio = memalloc_noio_save();

	lockdep_assert_held(&backing->state_lock);

	floop_unpin_lock(backing);
	floop_quiesce(backing, "starting");
	floop_map_clear(&backing->map);
	/* Others may have read it meanwhile: see floop_write_met_pages(). */
	floop_drop_pages(backing);
	backing->pinned = false;
	inode->i_flags &= ~S_SWAPFILE;
	inode_unlock(inode);
	floop_set_mode(backing, FLOOP_MODE_FILE, "starting");
	floop_fs_unlock(backing, noio);
	floop_backing_kick(backing);
	floop_schedule_return(backing, 1);
}

void floop_lease_unpin(struct floop_backing *backing)
{
	mutex_lock(&backing->state_lock);
	if (!--backing->pins)
		floop_unpin(backing);
	mutex_unlock(&backing->state_lock);
}

void floop_lease_close(struct floop_backing *backing)
{
	mutex_lock(&backing->state_lock);
	backing->closing = true;
	mutex_unlock(&backing->state_lock);
	cancel_delayed_work_sync(&backing->return_work);

	floop_lease_recall(backing, "closing");
	flush_work(&backing->recall_work);
	/*
	 * There is no lease now, and so nobody to queue it again; but somebody
	 * may have done so while it ran.
	 */
	cancel_work_sync(&backing->recall_work);
}

void floop_lease_init(struct floop_backing *backing)
{
	mutex_init(&backing->state_lock);
	INIT_WORK(&backing->recall_work, floop_recall_work);
	INIT_DELAYED_WORK(&backing->return_work, floop_return_work);
	backing->return_delay = 1;
}

int floop_lease_module_init(void)
{
	floop_recall_wq = alloc_workqueue("fastloop_recall",
					  WQ_UNBOUND | WQ_MEM_RECLAIM,
					  WQ_UNBOUND_MAX_ACTIVE);
	return floop_recall_wq ? 0 : -ENOMEM;
}

void floop_lease_module_exit(void)
{
	destroy_workqueue(floop_recall_wq);
}
