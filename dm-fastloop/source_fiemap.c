// SPDX-License-Identifier: GPL-2.0-only
/*
 * source_fiemap: where a file lies, many extents in one call.
 *
 * ->fiemap() writes to user memory only, so this can run where there is some:
 * in the task that loads a table. It gets a scratch area in its address space
 * for the time of the call.
 *
 * A failed walk can look like a short answer with the LAST flag. So LAST is
 * ignored, and what lies behind the last extent stays unknown; a gap between
 * two extents of one call is a hole, since the walk has passed it. Each call
 * begins at the last extent of the one before, so that every gap lies between
 * two extents of one call.
 */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "source.h"

/* A table load holds locks of device-mapper: bound what it may take. */
#define FLOOP_FIEMAP_BATCH	512
#define FLOOP_FIEMAP_EXTENTS	65536
#define FLOOP_FIEMAP_JIFFIES	(HZ / 10)

struct floop_fiemap {
	struct floop_backing *backing;
	unsigned long area;		/* in current->mm */
	struct fiemap_extent *extents;	/* copied from it */
	u64 known_to;			/* end of the last extent, bytes */
};

static int floop_fiemap_publish(struct floop_fiemap *fm,
				const struct fiemap_extent *fe, bool first)
{
	struct floop_raw_extent raw = {
		.pos = fm->known_to,
		.len = fe->fe_logical - fm->known_to,
		.kind = FLOOP_HOLE,
	};
	int error;

	/* Overlapping or out of order: believe nothing of it. */
	if (!first && fe->fe_logical < fm->known_to)
		return -EUCLEAN;
	if (!first && raw.len) {
		error = floop_source_publish(fm->backing, &raw);
		if (error)
			return error;
	}

	raw.pos = fe->fe_logical;
	raw.phys = fe->fe_physical;
	raw.len = fe->fe_length;
	raw.kind = floop_fiemap_kind(fe->fe_flags);
	fm->known_to = raw.pos + raw.len;

	return floop_source_publish(fm->backing, &raw);
}

/*
 * One call, from *@start on. Returns the number of extents, or an error, and
 * moves *@start to the last of them.
 */
static int floop_fiemap_batch(struct floop_fiemap *fm, u64 *start)
{
	struct floop_backing *backing = fm->backing;
	struct inode *inode = floop_backing_inode(backing);
	struct fiemap_extent_info info = {
		.fi_extents_max = FLOOP_FIEMAP_BATCH,
		.fi_extents_start = (struct fiemap_extent __user *)fm->area,
	};
	unsigned int i;
	int error;

	error = inode->i_op->fiemap(inode, &info, *start,
				    backing->geo.file_len - *start);
	if (error)
		return error;
	if (copy_from_user(fm->extents, info.fi_extents_start,
			   info.fi_extents_mapped * sizeof(*fm->extents)))
		return -EFAULT;

	for (i = 0; i < info.fi_extents_mapped; i++) {
		error = floop_fiemap_publish(fm, &fm->extents[i], !i);
		if (error)
			return error;
		*start = fm->extents[i].fe_logical;
	}

	return info.fi_extents_mapped;
}

static void floop_fiemap_walk(struct floop_fiemap *fm)
{
	unsigned long deadline = jiffies + FLOOP_FIEMAP_JIFFIES;
	unsigned int budget = FLOOP_FIEMAP_EXTENTS;
	u64 start = 0;
	int nr;

	WRITE_ONCE(fm->backing->source, "fiemap");
	do {
		nr = floop_fiemap_batch(fm, &start);
		if (nr == -EUCLEAN)
			floop_map_clear(&fm->backing->map);
		if (nr < FLOOP_FIEMAP_BATCH)
			break;
		budget -= nr;
	} while (budget >= FLOOP_FIEMAP_BATCH &&
		 time_before(jiffies, deadline) &&
		 !fatal_signal_pending(current));
}

void floop_source_preload(struct floop_backing *backing)
{
	size_t size = FLOOP_FIEMAP_BATCH * sizeof(struct fiemap_extent);
	struct floop_fiemap fm = { .backing = backing };

	lockdep_assert_held(&backing->fs_lock);

	if (!current->mm || !floop_backing_inode(backing)->i_op->fiemap)
		return;

	fm.extents = kvmalloc(size, GFP_KERNEL);
	if (!fm.extents)
		return;
	fm.area = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!IS_ERR_VALUE(fm.area)) {
		floop_fiemap_walk(&fm);
		vm_munmap(fm.area, size);
	}
	kvfree(fm.extents);
}
