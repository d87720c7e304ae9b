// SPDX-License-Identifier: GPL-2.0-only
/*
 * backing: life of a mapped file, from the first target to the last, and its
 * worker.
 */
#include <linux/blkdev.h>
#include <linux/file.h>
#include <linux/namei.h>
#include <linux/slab.h>

#include "backing.h"
#include "bio_path.h"
#include "compat.h"
#include "lease.h"
#include "source.h"

#define FLOOP_FREEZE_RETRY	(HZ / 20)

/* A reserve for each backing: one may lie on a device of another. */
#define FLOOP_CLONES	4

static LIST_HEAD(floop_backings);
static DEFINE_MUTEX(floop_backings_lock);

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

	spin_lock_irq(&backing->lock);
	list_splice_tail_init(&backing->blocked, &backing->queue);
	spin_unlock_irq(&backing->lock);

	floop_backing_kick(backing);
}

static struct floop_bio *floop_queue_pop(struct floop_backing *backing)
{
	struct floop_bio *fb = NULL;

	spin_lock_irq(&backing->lock);
	if (backing->mode != FLOOP_MODE_RECALL) {
		fb = list_first_entry_or_null(&backing->queue,
					      struct floop_bio, list);
		if (fb)
			list_del(&fb->list);
	}
	spin_unlock_irq(&backing->lock);

	return fb;
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
	struct blk_plug plug;
	unsigned int noio;

	/* As loop: the writes below are throttled where they go. */
	current->flags |= PF_LOCAL_THROTTLE;

	blk_start_plug(&plug);
	do {
		noio = floop_fs_lock(backing);
		fb = floop_queue_pop(backing);
		if (fb)
			floop_bio_step(backing, fb);
		floop_fs_unlock(backing, noio);
		cond_resched();
	} while (fb);
	blk_finish_plug(&plug);
}

int floop_backing_fsync(struct floop_backing *backing)
{
	int error;

	/* As loop: what has no fsync has nothing to sync. */
	if (!backing->file->f_op->fsync)
		return 0;

	error = vfs_fsync(backing->file, 0);
	if (error)
		WRITE_ONCE(backing->fsync_error, error);

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
	INIT_LIST_HEAD(&backing->queue);
	INIT_LIST_HEAD(&backing->blocked);
	kthread_init_work(&backing->work, floop_work);
	kthread_init_delayed_work(&backing->retry_work, floop_retry_work);
	floop_map_init(&backing->map);
	floop_lease_init(backing);
	backing->writable = writable;
	backing->mode = FLOOP_MODE_FILE;
	backing->reason = "starting";
	backing->source = "-";
	backing->users = 1;

	if (bioset_init(&backing->clones, FLOOP_CLONES, 0, 0))
		goto bad_clones;
	if (floop_inflight_init(&backing->inflight))
		goto bad_inflight;

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
	if (floop_source_allows(floop_backing_inode(backing)))
		backing->bdev = floop_backing_inode(backing)->i_sb->s_bdev;
	backing->dio_align = floop_dio_align(backing->file);
	backing->dirty_neighbours = FLOOP_IOMAP_WRITES_WHOLE_FOLIOS &&
				    floop_has_layouts(backing);

	return backing;

bad_ops:
	fput(backing->file);
bad_file:
	kthread_destroy_worker(backing->worker);
bad_worker:
	floop_inflight_exit(&backing->inflight);
bad_inflight:
	bioset_exit(&backing->clones);
bad_clones:
	kfree(backing);
	return ERR_PTR(error);
}

static void floop_backing_close(struct floop_backing *backing)
{
	floop_lease_close(backing);
	kthread_cancel_delayed_work_sync(&backing->retry_work);
	kthread_destroy_worker(backing->worker);
	/* Whoever queued the last bio may still be inside the lock. */
	spin_lock_irq(&backing->lock);
	spin_unlock_irq(&backing->lock);
	floop_map_clear(&backing->map);
	fput(backing->file);
	floop_inflight_exit(&backing->inflight);
	bioset_exit(&backing->clones);
	kfree(backing);
}

/* ---- sharing ---- */

static struct floop_backing *floop_backing_find(struct inode *inode,
						bool writable)
{
	struct floop_backing *backing;

	lockdep_assert_held(&floop_backings_lock);

	list_for_each_entry(backing, &floop_backings, list)
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
	if (backing->mode == FLOOP_MODE_DIRECT)
		floop_source_preload(backing);
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

struct floop_backing *floop_backing_get(const char *name, bool writable,
					const struct gendisk *own,
					char **error)
{
	struct floop_backing *backing;
	struct path path;
	int ret;

	*error = "Cannot find the backing file";
	ret = kern_path(name, LOOKUP_FOLLOW, &path);
	if (ret)
		return ERR_PTR(ret);

	*error = writable ? "Cannot open the backing file for writing" :
			    "Cannot open the backing file";
	ret = floop_check_path(&path, writable, own, error);
	if (ret)
		backing = ERR_PTR(ret);
	else
		backing = floop_backing_find_or_open(&path, writable);
	path_put(&path);
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
	mutex_unlock(&floop_backings_lock);

	floop_backing_close(backing);
}
