/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * backing: one file that targets map, shared by all of them.
 *
 * There is one backing for each (inode, writable or not) in use. It owns the
 * open file, the lease, the map, the mode and one kernel thread, the worker,
 * which makes every call into the file system that may sleep.
 *
 * Locks, outer first:
 *   state_lock	(mutex) changes of mode: take, recall and return of the lease
 *   fs_lock	(mutex) one worker step, or one change of mode: nobody learns
 *		about or writes to the file while the mode changes
 *   sync_lock	(mutex) one fsync, until its error can be seen
 *   inflight	not a lock, but drained under both
 *   lock	(spinlock, irq) queue, mode and broken; inside the file locks'
 *		flc_lock
 */
#ifndef FLOOP_BACKING_H
#define FLOOP_BACKING_H

#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/errseq.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>

#include "extent_map.h"
#include "inflight.h"
#include "map_source.h"

/* Jiffies; a write shows in the file's time stamps at last after so long. */
#define FLOOP_MTIME_DELAY	(2 * HZ)

/* So many pages of neighbours are filled in one go. */
#define FLOOP_FILL_VECS		256

struct floop_bio;
struct gendisk;

/* From FLOOP_MODE_DIRECT on the map may be used. */
enum floop_mode {
	FLOOP_MODE_FILE,	/* no lease: all I/O goes through the file */
	FLOOP_MODE_RECALL,	/* to or from it: I/O waits in the queue */
	FLOOP_MODE_DIRECT,	/* lease held */
	FLOOP_MODE_PIN,		/* others cannot change the file, as swap */
};

enum { FLOOP_LEASE_LAYOUT, FLOOP_LEASE_DELEG, FLOOP_NR_LEASES };

struct floop_backing {
	/* Read by every I/O, rarely written. */
	enum floop_mode mode;		/* written under lock */
	bool dirty_neighbours;		/* see fill.c */
	bool filling;			/* see fill.c */
	u32 epoch;			/* see fill.c */
	bool pinned;			/* changes with no I/O under way */
	bool mtime_due;			/* written to since the last update */
	struct address_space *mapping;
	struct super_block *sb;
	struct block_device *bdev;	/* under the fs; NULL: none */
	struct floop_inflight inflight;
	struct floop_extent_map map;

	/*
	 * Metadata that a flush must make durable: raised after each write
	 * through the file and before it is acknowledged; synced_seq follows
	 * when an fsync that began later has succeeded.
	 */
	atomic64_t dirty_seq;
	atomic64_t synced_seq;

	errseq_t error;			/* of fsync; each target reports it once */

	struct file *file;
	bool writable;
	u32 dio_align;			/* bytes; 0: no direct I/O */
	struct floop_geometry geo;	/* filled when the lease is taken */

	spinlock_t lock;		/* see above: queue, mode, broken */
	struct list_head queue;		/* struct floop_bio; under lock */
	struct list_head blocked;	/* by a freeze; tried again; under lock */
	struct mutex fs_lock;
	struct mutex sync_lock;		/* see above */
	unsigned long drained_forgets;	/* map.forgets at a drain; the worker's */
	atomic_long_t forget_due;	/* ranges; see floop_backing_forget() */
	struct bio_set clones;		/* of bios that the worker sends */
	struct bio_vec *fill_vecs;	/* FLOOP_FILL_VECS; the worker's */
	struct list_head fills;		/* under way; under fs_lock */
	unsigned int nr_fills;		/* of these */
	struct list_head fill_waiting;	/* for room among them; under fs_lock */
	struct kthread_worker *worker;
	struct kthread_work work;
	struct kthread_delayed_work retry_work;
	struct kthread_delayed_work mtime_work;

	/* lease.c; all under state_lock but broken */
	struct mutex state_lock;
	bool broken;			/* under lock: someone wants it back */
	bool leased[FLOOP_NR_LEASES];
	bool closing;
	unsigned int return_delay;	/* seconds */
	unsigned long leased_since;	/* jiffies */
	unsigned int pins;		/* targets that want it pinned */
	struct work_struct recall_work;
	struct delayed_work return_work;

	const char *reason;		/* a constant; NULL in direct mode */
	const char *source;		/* a constant: how it was learned last */
	unsigned long recalls;

	struct mutex watchers_lock;	/* to change watchers; held for a moment */
	struct list_head watchers;	/* struct floop_watcher */
	struct work_struct tell_work;	/* tells them */
	unsigned int mode_changed;	/* since they were told of that last */

	struct list_head list;		/* of all backings */
	struct hlist_node by_inode;	/* the same, to be found */
	unsigned int users;		/* under the lock of that list */
};

/* Who wants to know when the mode has changed, or I/O has failed. */
struct floop_watcher {
	struct list_head list;
	/*
	 * @mode: that has changed; false: somebody's I/O has failed. May sleep,
	 * and wait for memory that is got by I/O to the device: it holds nothing.
	 */
	void (*changed)(struct floop_watcher *watcher, bool mode);
};

/* Waits for nobody who tells: the device may be suspended. May sleep. */
void floop_backing_watch(struct floop_backing *backing,
			 struct floop_watcher *watcher);

/* @watcher may be gone when it returns. May sleep; not while I/O is held back. */
void floop_backing_unwatch(struct floop_backing *backing,
			   struct floop_watcher *watcher);

/* Has them told, in a while. Any context. */
void floop_backing_tell(struct floop_backing *backing, bool mode);

/* Once for the module; returns 0 or an error. */
int floop_backing_module_init(void);
void floop_backing_module_exit(void);

/*
 * Returns the backing for @path, new or shared, counted; or an ERR_PTR with
 * *@error set to the sentence for ti->error. A new one has tried to take its
 * lease. A file that lies on @own, the disk that is asking, is refused. May
 * sleep long: the file is fsynced.
 */
struct floop_backing *floop_backing_get(const struct path *path, bool writable,
					const struct gendisk *own,
					char **error);

/* May sleep. No I/O of the caller may be under way. */
void floop_backing_put(struct floop_backing *backing);

/* Any context; in a section, it lasts until that is left. */
static inline bool floop_backing_is_mapped(struct floop_backing *backing)
{
	return READ_ONCE(backing->mode) >= FLOOP_MODE_DIRECT;
}

/* Gives a bio to the worker; any context. */
void floop_backing_queue(struct floop_backing *backing,
			 struct floop_bio *fb);

/*
 * The same for a bio that needs write access to a file system that is being
 * frozen: it comes back in a while. Worker.
 */
void floop_backing_block(struct floop_backing *backing, struct floop_bio *fb);

/*
 * Takes the first bio of those that have waited longest of which @wanted says so,
 * or NULL. @wanted is called under lock. Worker, fs_lock held.
 */
struct floop_bio *floop_backing_pop(struct floop_backing *backing,
				    bool (*wanted)(struct floop_bio *fb,
						   void *data),
				    void *data);

/* Lets the worker look at its queue; any context. */
void floop_backing_kick(struct floop_backing *backing);

/* Forgets what memory reclaim has asked for in vain. fs_lock held; may sleep. */
void floop_backing_forget(struct floop_backing *backing);

/*
 * Nobody else learns about the file, writes to it or changes the mode. I/O of
 * this backing may have to wait until the lock is released, so memory reclaim
 * must not be entered under it: allocations become GFP_NOIO.
 */
static inline unsigned int floop_fs_lock(struct floop_backing *backing)
{
	unsigned int noio = memalloc_noio_save();

	mutex_lock(&backing->fs_lock);
	return noio;
}

static inline void floop_fs_unlock(struct floop_backing *backing,
				   unsigned int noio)
{
	if (unlikely(atomic_long_read(&backing->forget_due)))
		floop_backing_forget(backing);
	mutex_unlock(&backing->fs_lock);
	memalloc_noio_restore(noio);
}

/* One step for one queued bio; in the worker, under fs_lock. In bio_path.c. */
void floop_bio_step(struct floop_backing *backing, struct floop_bio *fb);

/*
 * fsync. An error is reported once by the file system; here it is kept until
 * a flush of each target has passed it on. May sleep.
 */
int floop_backing_fsync(struct floop_backing *backing);

/*
 * The same if anything has been acknowledged since the last one that
 * succeeded. Under fs_lock.
 */
int floop_backing_sync(struct floop_backing *backing);

/*
 * Write access to the file system, for a write that ends elsewhere. It is never
 * waited for: who freezes waits for those that have it, and some of them wait
 * for our lease. Pinned files are written to without, as swap is. Any context, in
 * a section.
 */
static inline bool floop_backing_start_write(struct floop_backing *backing)
{
	if (unlikely(backing->pinned))
		return true;
	if (!sb_start_write_trylock(backing->sb))
		return false;
	__sb_writers_release(backing->sb, SB_FREEZE_WRITE);

	return true;
}

static inline void floop_backing_end_write(struct floop_backing *backing)
{
	if (unlikely(backing->pinned))
		return;
	__sb_writers_acquired(backing->sb, SB_FREEZE_WRITE);
	sb_end_write(backing->sb);
}

/*
 * The disk has been written to: the file's time stamps have to move soon. Any
 * context, in a section.
 */
static inline void floop_backing_written(struct floop_backing *backing)
{
	if (likely(READ_ONCE(backing->mtime_due)) || backing->pinned)
		return;
	WRITE_ONCE(backing->mtime_due, true);
	kthread_queue_delayed_work(backing->worker, &backing->mtime_work,
				   FLOOP_MTIME_DELAY);
}

/* The same, but now. */
static inline void floop_backing_mtime_now(struct floop_backing *backing)
{
	if (READ_ONCE(backing->mtime_due))
		kthread_mod_delayed_work(backing->worker, &backing->mtime_work,
					 0);
}

/* Moves them, unless the file system is frozen. fs_lock held. */
void floop_backing_update_mtime(struct floop_backing *backing);

/* @seen: which of its errors have been reported. Any context. */
static inline bool floop_backing_synced(struct floop_backing *backing,
					errseq_t seen)
{
	return !errseq_check(&backing->error, seen) &&
	       atomic64_read(&backing->dirty_seq) ==
	       atomic64_read(&backing->synced_seq);
}

static inline struct inode *floop_backing_inode(struct floop_backing *backing)
{
	return file_inode(backing->file);
}

#endif
