// SPDX-License-Identifier: GPL-2.0-only
/*
 * backing: life of a mapped file, from the first target to the last, and its
 * worker.
 */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/shrinker.h>
#include <linux/slab.h>

#include "backing.h"
#include "bio_path.h"
#include "compat.h"
#include "lease.h"
#include "source.h"
#include "trace.h"

#define FLOOP_FREEZE_RETRY	(HZ / 20)

/* A table load holds locks of device-mapper: bound what it may take. */
#define FLOOP_PRELOAD_AT_START	(HZ / 10)

/* How many bios the worker takes a step with before it does anything else. */
#define FLOOP_WORK_BATCH	64

/* How many of those that wait are looked at for company. */
#define FLOOP_QUEUE_SCAN	32

/* A reserve for each backing: one may lie on a device of another. */
#define FLOOP_CLONES	4

/* How many ranges whoever has fs_lock forgets when it gives that back. */
#define FLOOP_FORGET_BATCH	4096

static LIST_HEAD(floop_backings);
static DEFINE_HASHTABLE(floop_backings_by_inode, 10);
static DEFINE_MUTEX(floop_backings_lock);	/* of both */

/* ---- the worker ---- */

void floop_backing_kick(struct floop_backing *backing)
{
	kthread_queue_work(backing->worker, &backing->work);
}

void floop_backing_queue(struct floop_backing *backing, struct floop_bio *fb)
{
	unsigned long flags;
	bool first;

	spin_lock_irqsave(&backing->lock, flags);
	first = list_empty(&backing->queue);
	/*
	 * What is written again is looked at again before the next fill, and
	 * one that has ended makes room for the next.
	 */
	if (fb->state == FLOOP_BIO_FILLED ||
	    (fb->state == FLOOP_BIO_CHECK && fb->again))
		list_add(&fb->list, &backing->queue);
	else
		list_add_tail(&fb->list, &backing->queue);
	/*
	 * Not the first: the worker is at it, or a change of mode kicks it.
	 * Under the lock, since the worker may end this bio as soon as it is
	 * released, and with it the last reason for the backing to exist.
	 */
	if (first)
		floop_backing_kick(backing);
	spin_unlock_irqrestore(&backing->lock, flags);
}

void floop_backing_block(struct floop_backing *backing, struct floop_bio *fb)
{
	spin_lock_irq(&backing->lock);
	list_add_tail(&fb->list, &backing->blocked);
	spin_unlock_irq(&backing->lock);

	kthread_queue_delayed_work(backing->worker, &backing->retry_work,
				   FLOOP_FREEZE_RETRY);
}

static void floop_retry_work(struct kthread_work *work)
{
	struct floop_backing *backing =
		container_of(work, struct floop_backing, retry_work.work);

	if (READ_ONCE(backing->sb->s_writers.frozen) != SB_UNFROZEN) {
		kthread_queue_delayed_work(backing->worker, &backing->retry_work,
					   FLOOP_FREEZE_RETRY);
		return;
	}

	spin_lock_irq(&backing->lock);
	list_splice_tail_init(&backing->blocked, &backing->queue);
	spin_unlock_irq(&backing->lock);

	floop_backing_kick(backing);
}

struct floop_bio *floop_backing_pop(struct floop_backing *backing,
				    bool (*wanted)(struct floop_bio *fb,
						   void *data),
				    void *data)
{
	unsigned int left = FLOOP_QUEUE_SCAN;
	struct floop_bio *fb, *found = NULL;

	lockdep_assert_held(&backing->fs_lock);

	spin_lock_irq(&backing->lock);
	if (backing->mode == FLOOP_MODE_RECALL)
		goto out;
	list_for_each_entry(fb, &backing->queue, list) {
		if (!wanted || wanted(fb, data)) {
			found = fb;
			list_del(&fb->list);
			break;
		}
		if (!--left)
			break;
	}
out:
	spin_unlock_irq(&backing->lock);

	return found;
}

/*
 * Everything that sleeps happens here, a step at a time. In recall mode the
 * queue waits; whoever ends that mode kicks the worker.
 */
static void floop_work(struct kthread_work *work)
{
	struct floop_backing *backing =
		container_of(work, struct floop_backing, work);
	struct floop_bio *fb;
	unsigned int nr = 0;
	struct blk_plug plug;
	unsigned int noio;

	/* As loop: the writes below are throttled where they go. */
	current->flags |= PF_LOCAL_THROTTLE;

	blk_start_plug(&plug);
	do {
		noio = floop_fs_lock(backing);
		fb = floop_backing_pop(backing, NULL, NULL);
		if (fb)
			floop_bio_step(backing, fb);
		floop_fs_unlock(backing, noio);
		cond_resched();
	} while (fb && ++nr < FLOOP_WORK_BATCH);
	blk_finish_plug(&plug);

	/* Behind the other works of this worker, which have waited. */
	if (fb)
		floop_backing_kick(backing);
}

void floop_backing_update_mtime(struct floop_backing *backing)
{
	lockdep_assert_held(&backing->fs_lock);

	if (!READ_ONCE(backing->mtime_due))
		return;
	if (!sb_start_write_trylock(backing->sb)) {
		kthread_queue_delayed_work(backing->worker,
					   &backing->mtime_work,
					   FLOOP_MTIME_DELAY);
		return;
	}

	WRITE_ONCE(backing->mtime_due, false);
	smp_mb();	/* a write that still saw it has ended by now */
	file_update_time(backing->file);
	sb_end_write(backing->sb);
}

static void floop_mtime_work(struct kthread_work *work)
{
	struct floop_backing *backing =
		container_of(work, struct floop_backing, mtime_work.work);
	unsigned int noio = floop_fs_lock(backing);

	floop_backing_update_mtime(backing);
	floop_fs_unlock(backing, noio);
}

int floop_backing_fsync(struct floop_backing *backing)
{
	unsigned int noio;
	int error;

	/* As loop: what has no fsync has nothing to sync. */
	if (!backing->file->f_op->fsync)
		return 0;

	/* Whoever waits for the lock may be who our I/O waits for. */
	noio = memalloc_noio_save();
	/* The file tells one of two; the other one must not look too early. */
	mutex_lock(&backing->sync_lock);
	error = vfs_fsync(backing->file, 0);
	trace_fastloop_sync(backing, error);
	if (error)
		errseq_set(&backing->error, error);
	mutex_unlock(&backing->sync_lock);
	memalloc_noio_restore(noio);

	return error;
}

int floop_backing_sync(struct floop_backing *backing)
{
	s64 seq = atomic64_read(&backing->dirty_seq);
	int error;

	lockdep_assert_held(&backing->fs_lock);

	if (seq == atomic64_read(&backing->synced_seq))
		return 0;

	error = floop_backing_fsync(backing);
	if (!error)
		atomic64_set(&backing->synced_seq, seq);

	return error;
}

/* ---- who wants to know ---- */

void floop_backing_watch(struct floop_backing *backing,
			 struct floop_watcher *watcher)
{
	mutex_lock(&backing->watchers_lock);
	list_add_rcu(&watcher->list, &backing->watchers);
	mutex_unlock(&backing->watchers_lock);
}

void floop_backing_unwatch(struct floop_backing *backing,
			   struct floop_watcher *watcher)
{
	mutex_lock(&backing->watchers_lock);
	list_del_rcu(&watcher->list);
	mutex_unlock(&backing->watchers_lock);
	/* Nobody else looks at the list. */
	flush_work(&backing->tell_work);
}

static void floop_tell_work(struct work_struct *work)
{
	struct floop_backing *backing =
		container_of(work, struct floop_backing, tell_work);
	bool mode = xchg(&backing->mode_changed, false);
	struct floop_watcher *watcher;

	/* One that goes meanwhile waits for us before it is freed. */
	list_for_each_entry_lockless(watcher, &backing->watchers, list)
		watcher->changed(watcher, mode);
}

/*
 * Sending a uevent waits for whoever sends another one, and he may wait for memory,
 * and that for our I/O: so nobody does it who holds a lock of ours.
 */
void floop_backing_tell(struct floop_backing *backing, bool mode)
{
	if (mode)
		WRITE_ONCE(backing->mode_changed, true);
	queue_work(system_unbound_wq, &backing->tell_work);
}

/* ---- opening ---- */

static int floop_check_path(const struct path *path, bool writable,
			    const struct gendisk *own, char **error)
{
	struct inode *inode = d_inode(path->dentry);
	int mask = MAY_READ | (writable ? MAY_WRITE : 0);

	if (S_ISDIR(inode->i_mode)) {
		*error = "Backing path is a directory, not a file";
		return -EISDIR;
	}
	if (!S_ISREG(inode->i_mode)) {
		*error = "Backing path is not a regular file";
		return -EINVAL;
	}
	if (inode->i_sb->s_bdev && inode->i_sb->s_bdev->bd_disk == own) {
		*error = "Backing file lies on this very device";
		return -ELOOP;
	}
	if (writable && IS_APPEND(inode)) {
		*error = "Backing file is append-only; use a read-only table";
		return -EPERM;
	}
	if (writable && __mnt_is_readonly(path->mnt)) {
		*error = "Backing file is on a read-only mount; use a read-only table";
		return -EROFS;
	}

	return inode_permission(mnt_user_ns(path->mnt), inode, mask);
}

/* Regular files of pseudo file systems may lack what we use. */
static int floop_check_file_ops(struct file *file, bool writable)
{
	if (!file->f_op->read_iter || (writable && !file->f_op->write_iter))
		return -EOPNOTSUPP;

	return 0;
}

static u32 floop_dio_align(struct file *file)
{
	struct super_block *sb = file_inode(file)->i_sb;
	struct kstat stat;

	if (!(file->f_mode & FMODE_CAN_ODIRECT))
		return 0;
	if (!vfs_getattr(&file->f_path, &stat, STATX_DIOALIGN,
			 AT_STATX_SYNC_AS_STAT) &&
	    stat.result_mask & STATX_DIOALIGN)
		return stat.dio_offset_align;
	if (sb->s_bdev)
		return bdev_logical_block_size(sb->s_bdev);

	return SECTOR_SIZE;
}

/* See fill.c. */
static bool floop_has_dirty_neighbours(struct floop_backing *backing)
{
	if (FLOOP_IOMAP_WRITES_WHOLE_FOLIOS && floop_has_layouts(backing))
		return true;

	return backing->bdev &&
	       bdev_logical_block_size(backing->bdev) > SECTOR_SIZE;
}

static struct floop_backing *floop_backing_open(const struct path *path,
						bool writable)
{
	int flags = (writable ? O_RDWR : O_RDONLY) | O_LARGEFILE | O_NOATIME;
	struct floop_backing *backing;
	int error = -ENOMEM;

	backing = kzalloc(sizeof(*backing), GFP_KERNEL);
	if (!backing)
		return ERR_PTR(-ENOMEM);

	spin_lock_init(&backing->lock);
	mutex_init(&backing->fs_lock);
	mutex_init(&backing->sync_lock);
	INIT_LIST_HEAD(&backing->queue);
	INIT_LIST_HEAD(&backing->blocked);
	INIT_LIST_HEAD(&backing->fills);
	INIT_LIST_HEAD(&backing->fill_waiting);
	mutex_init(&backing->watchers_lock);
	INIT_LIST_HEAD(&backing->watchers);
	INIT_WORK(&backing->tell_work, floop_tell_work);
	kthread_init_work(&backing->work, floop_work);
	kthread_init_delayed_work(&backing->retry_work, floop_retry_work);
	kthread_init_delayed_work(&backing->mtime_work, floop_mtime_work);
	floop_lease_init(backing);
	backing->writable = writable;
	backing->mode = FLOOP_MODE_FILE;
	backing->reason = "starting";
	backing->source = "-";
	backing->users = 1;

	backing->fill_vecs = kmalloc_array(FLOOP_FILL_VECS,
					   sizeof(*backing->fill_vecs),
					   GFP_KERNEL);
	if (!backing->fill_vecs)
		goto bad_vecs;
	if (bioset_init(&backing->clones, FLOOP_CLONES, 0, 0))
		goto bad_clones;
	if (floop_inflight_init(&backing->inflight))
		goto bad_inflight;
	if (floop_map_init(&backing->map,
			   i_size_read(d_inode(path->dentry)) >> SECTOR_SHIFT))
		goto bad_map;

	backing->worker = kthread_create_worker(0, "fastloop/%lu",
						d_inode(path->dentry)->i_ino);
	if (IS_ERR(backing->worker)) {
		error = PTR_ERR(backing->worker);
		goto bad_worker;
	}

	backing->file = dentry_open(path, flags, current_cred());
	if (IS_ERR(backing->file)) {
		error = PTR_ERR(backing->file);
		goto bad_file;
	}
	error = floop_check_file_ops(backing->file, writable);
	if (error)
		goto bad_ops;

	backing->mapping = backing->file->f_mapping;
	backing->sb = floop_backing_inode(backing)->i_sb;
	if (floop_source_allows(floop_backing_inode(backing)))
		backing->bdev = backing->sb->s_bdev;
	backing->dio_align = floop_dio_align(backing->file);
	backing->dirty_neighbours = floop_has_dirty_neighbours(backing);

	return backing;

bad_ops:
	fput(backing->file);
bad_file:
	kthread_destroy_worker(backing->worker);
bad_worker:
	floop_map_exit(&backing->map);
bad_map:
	floop_inflight_exit(&backing->inflight);
bad_inflight:
	bioset_exit(&backing->clones);
bad_clones:
	kfree(backing->fill_vecs);
bad_vecs:
	kfree(backing);
	return ERR_PTR(error);
}

static void floop_backing_close(struct floop_backing *backing)
{
	floop_lease_close(backing);
	kthread_cancel_delayed_work_sync(&backing->retry_work);
	kthread_cancel_delayed_work_sync(&backing->mtime_work);
	/* Its last step may have ended the last bio before it looks for more. */
	kthread_cancel_work_sync(&backing->work);
	kthread_destroy_worker(backing->worker);
	cancel_work_sync(&backing->tell_work);
	/* Whoever queued the last bio may still be inside the lock. */
	spin_lock_irq(&backing->lock);
	spin_unlock_irq(&backing->lock);
	floop_map_exit(&backing->map);
	fput(backing->file);
	floop_inflight_exit(&backing->inflight);
	bioset_exit(&backing->clones);
	kfree(backing->fill_vecs);
	kfree(backing);
}

/* ---- sharing ---- */

static struct floop_backing *floop_backing_find(struct inode *inode,
						bool writable)
{
	struct floop_backing *backing;

	lockdep_assert_held(&floop_backings_lock);

	hash_for_each_possible(floop_backings_by_inode, backing, by_inode,
			       (unsigned long)inode)
		if (floop_backing_inode(backing) == inode &&
		    backing->writable == writable)
			return backing;

	return NULL;
}

/* A new backing tries at once, and learns what can be learned only here. */
static void floop_backing_start(struct floop_backing *backing)
{
	unsigned int noio;

	floop_lease_take(backing);

	noio = floop_fs_lock(backing);
	if (floop_backing_is_mapped(backing))
		floop_source_preload(backing, FLOOP_PRELOAD_AT_START);
	floop_fs_unlock(backing, noio);
}

/* Shares the backing that there is, or else puts @new into the list. */
static struct floop_backing *floop_backing_share(struct inode *inode,
						 bool writable,
						 struct floop_backing *new)
{
	struct floop_backing *backing;

	mutex_lock(&floop_backings_lock);
	backing = floop_backing_find(inode, writable);
	if (backing) {
		backing->users++;
	} else if (new) {
		list_add(&new->list, &floop_backings);
		hash_add(floop_backings_by_inode, &new->by_inode,
			 (unsigned long)inode);
		backing = new;
	}
	mutex_unlock(&floop_backings_lock);

	return backing;
}

/*
 * Opening for writing recalls our own lease, so a backing that exists is not
 * opened again. Not under the lock: it may wait for others' leases, or servers.
 */
static struct floop_backing *floop_backing_find_or_open(const struct path *path,
							bool writable)
{
	struct inode *inode = d_inode(path->dentry);
	struct floop_backing *backing, *new;

	backing = floop_backing_share(inode, writable, NULL);
	if (backing)
		return backing;

	new = floop_backing_open(path, writable);
	if (IS_ERR(new))
		return new;
	backing = floop_backing_share(inode, writable, new);
	if (backing == new)
		floop_backing_start(new);
	else
		floop_backing_close(new);

	return backing;
}

struct floop_backing *floop_backing_get(const struct path *path, bool writable,
					const struct gendisk *own,
					char **error)
{
	struct floop_backing *backing;
	int ret;

	*error = writable ? "Cannot open the backing file for writing" :
			    "Cannot open the backing file";
	ret = floop_check_path(path, writable, own, error);
	if (ret)
		return ERR_PTR(ret);

	backing = floop_backing_find_or_open(path, writable);
	if (backing == ERR_PTR(-EOPNOTSUPP))
		*error = "Backing file cannot be read and written at any place";

	return backing;
}

void floop_backing_put(struct floop_backing *backing)
{
	mutex_lock(&floop_backings_lock);
	if (--backing->users) {
		mutex_unlock(&floop_backings_lock);
		return;
	}
	list_del(&backing->list);
	hash_del(&backing->by_inode);
	mutex_unlock(&floop_backings_lock);

	floop_backing_close(backing);
}

/* ---- memory ---- */

static unsigned long floop_shrink_count(struct shrinker *shrinker,
					struct shrink_control *sc)
{
	struct floop_backing *backing;
	unsigned long nr = 0;

	if (!mutex_trylock(&floop_backings_lock))
		return 0;
	list_for_each_entry(backing, &floop_backings, list)
		nr += backing->pinned ? 0 : READ_ONCE(backing->map.nr_extents);
	mutex_unlock(&floop_backings_lock);

	return nr ? nr : SHRINK_EMPTY;
}

/*
 * The worker comes for the rest. Nothing is due once there is nothing left, so not
 * when the backing is closed, either.
 */
void floop_backing_forget(struct floop_backing *backing)
{
	unsigned long due = atomic_long_read(&backing->forget_due);
	unsigned long nr = min_t(unsigned long, due, FLOOP_FORGET_BATCH);

	lockdep_assert_held(&backing->fs_lock);

	if (!backing->pinned)
		floop_map_shrink(&backing->map, nr,
				 GFP_NOIO | __GFP_NORETRY | __GFP_NOWARN);
	if (backing->pinned || !backing->map.nr_extents)
		nr = due;
	if (atomic_long_sub_return(nr, &backing->forget_due))
		floop_backing_kick(backing);
}

/*
 * No lock is waited for: I/O that somebody has to end for this memory may be waiting
 * itself. Whoever has the lock does it then. Returns how many are, or will be forgotten.
 */
static unsigned long floop_shrink_backing(struct floop_backing *backing,
					  unsigned long nr, bool *busy)
{
	unsigned long due, all;

	*busy = !mutex_trylock(&backing->fs_lock);
	if (!*busy) {
		nr = backing->pinned ? 0 :
			floop_map_shrink(&backing->map, nr, GFP_NOWAIT);
		mutex_unlock(&backing->fs_lock);
		return nr;
	}

	due = atomic_long_read(&backing->forget_due);
	all = READ_ONCE(backing->map.nr_extents);
	if (READ_ONCE(backing->pinned) || due >= all)
		return 0;
	nr = min(nr, all - due);
	atomic_long_add(nr, &backing->forget_due);
	/* Who has the lock may just have looked. */
	floop_backing_kick(backing);

	return nr;
}

/* All of a file, a little at a time, then the next one; who is busy is not waited for. */
static unsigned long floop_shrink_scan(struct shrinker *shrinker,
				       struct shrink_control *sc)
{
	struct floop_backing *backing;
	unsigned long wanted = sc->nr_to_scan;
	unsigned long nr;
	LIST_HEAD(done);
	bool busy;

	if (!mutex_trylock(&floop_backings_lock))
		return SHRINK_STOP;
	while (wanted && !list_empty(&floop_backings)) {
		backing = list_first_entry(&floop_backings,
					   struct floop_backing, list);
		nr = min(wanted, floop_shrink_backing(backing, wanted, &busy));
		if (busy || nr < wanted)
			list_move_tail(&backing->list, &done);
		wanted -= nr;
	}
	list_splice_tail(&done, &floop_backings);
	mutex_unlock(&floop_backings_lock);

	return wanted < sc->nr_to_scan ? sc->nr_to_scan - wanted : SHRINK_STOP;
}

static struct shrinker floop_shrinker = {
	.count_objects	= floop_shrink_count,
	.scan_objects	= floop_shrink_scan,
	/* 20 bytes each, and a hop to the worker to get it back */
	.seeks		= 8 * DEFAULT_SEEKS,
};

int floop_backing_module_init(void)
{
	return register_shrinker(&floop_shrinker, "dm-fastloop");
}

void floop_backing_module_exit(void)
{
	unregister_shrinker(&floop_shrinker);
}
