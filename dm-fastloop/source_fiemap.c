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
 * two extents of one call is a hole, since the walk has passed it.
 */
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched.h>
#include <linux/uaccess.h>

#include "source.h"

#define FLOOP_FIEMAP_BATCH	512

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

/* One call. Returns 0 or an error. */
static int floop_fiemap_call(struct floop_fiemap *fm, u64 start)
{
	struct floop_backing *backing = fm->backing;
	struct inode *inode = floop_backing_inode(backing);
	struct fiemap_extent_info info = {
		.fi_extents_max = FLOOP_FIEMAP_BATCH,
		.fi_extents_start = (struct fiemap_extent __user *)fm->area,
	};
	unsigned int i;
	int error;

	error = inode->i_op->fiemap(inode, &info, start,
				    backing->geo.file_len - start);
	if (error)
		return error;
	if (copy_from_user(fm->extents, info.fi_extents_start,
			   info.fi_extents_mapped * sizeof(*fm->extents)))
		return -EFAULT;

	for (i = 0; i < info.fi_extents_mapped; i++) {
		error = floop_fiemap_publish(fm, &fm->extents[i], !i);
		if (error)
			return error;
	}

	return 0;
}

void floop_learn_fiemap(struct floop_backing *backing, u64 pos)
{
	size_t size = FLOOP_FIEMAP_BATCH * sizeof(struct fiemap_extent);
	struct floop_fiemap fm = { .backing = backing, .known_to = pos };

	lockdep_assert_held(&backing->fs_lock);

	if (!current->mm || !floop_backing_inode(backing)->i_op->fiemap)
		return;

	WRITE_ONCE(backing->source, "fiemap");
	fm.extents = kvmalloc(size, GFP_KERNEL);
	if (!fm.extents)
		return;
	fm.area = vm_mmap(NULL, 0, size, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (!IS_ERR_VALUE(fm.area)) {
		if (floop_fiemap_call(&fm, pos) == -EUCLEAN)
			floop_map_clear(&backing->map);
		vm_munmap(fm.area, size);
	}
	kvfree(fm.extents);
}
