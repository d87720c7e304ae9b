// SPDX-License-Identifier: GPL-2.0-only
/*
 * source: which files may be mapped, and who is asked where they lie.
 */
#include <linux/blkdev.h>
#include <linux/exportfs.h>
#include <linux/fileattr.h>
#include <linux/fs.h>
#include <linux/iomap.h>
#include <linux/stat.h>
#include <linux/swap.h>

#include "source.h"

/*
 * Blocks. Asking costs about 150 ns for each, being asked again costs a hop to
 * the worker.
 */
#define FLOOP_LOOK_AHEAD	1024

/*
 * File systems that write data in place, never move a block behind the back
 * of a lease, and whose answers have been read and tried.
 */
static const char * const floop_allowed_fs[] = {
	"ext2", "ext3", "ext4", "xfs", "vfat", "msdos", "exfat",
};

static bool floop_fs_allowed(const struct super_block *sb)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(floop_allowed_fs); i++)
		if (!strcmp(sb->s_type->name, floop_allowed_fs[i]))
			return true;

	return false;
}

/* Properties of the file system or the inode that do not change under us. */
static const char *floop_refuses_inode(struct inode *inode)
{
	if (!floop_fs_allowed(inode->i_sb))
		return "fs";
	if (!inode->i_sb->s_bdev)
		return "nobdev";
	if (IS_ENCRYPTED(inode))
		return "encrypted";
	if (IS_VERITY(inode))
		return "verity";
	if (IS_DAX(inode))
		return "dax";
	if (IS_SWAPFILE(inode))
		return "swapfile";
	if (IS_NOQUOTA(inode))
		return "noquota";
	if (bdev_logical_block_size(inode->i_sb->s_bdev) > i_blocksize(inode))
		return "alignment";
	if (!inode->i_mapping->a_ops->bmap)
		return "fs";

	return NULL;
}

/* Properties that may change on a descriptor that moves no lease. */
static const char *floop_refuses_attributes(struct file *file)
{
	struct fileattr fa = { .flags_valid = false };
	struct kstat stat;

	/*
	 * ext4 reports no direct I/O for data=journal, chattr +j, verity and
	 * inline data: whatever cannot be written in place.
	 */
	if (vfs_getattr(&file->f_path, &stat, STATX_BASIC_STATS |
			STATX_DIOALIGN, AT_STATX_SYNC_AS_STAT))
		return "io_error";
	if ((stat.result_mask & STATX_DIOALIGN) && !stat.dio_offset_align)
		return "journal";
	if (stat.attributes & STATX_ATTR_COMPRESSED)
		return "compressed";

	if (!vfs_fileattr_get(file->f_path.dentry, &fa) &&
	    fa.fsx_xflags & FS_XFLAG_REALTIME)
		return "realtime";

	return NULL;
}

const char *floop_source_refuses(struct floop_backing *backing,
				 bool *permanent)
{
	const char *reason = floop_refuses_inode(floop_backing_inode(backing));

	*permanent = reason;
	if (!reason)
		reason = floop_refuses_attributes(backing->file);

	return reason;
}

bool floop_has_layouts(struct floop_backing *backing)
{
	const struct export_operations *ops =
		floop_backing_inode(backing)->i_sb->s_export_op;

	return ops && ops->map_blocks;
}

const char *floop_source_prepare(struct floop_backing *backing)
{
	struct inode *inode = floop_backing_inode(backing);

	backing->geo.align = i_blocksize(inode);
	backing->geo.file_len = round_up((u64)i_size_read(inode),
					 i_blocksize(inode));
	backing->geo.disk_len = bdev_nr_bytes(backing->bdev);

	if (floop_has_layouts(backing)) {
		int error = floop_learn_layout(backing, 0, 1);

		if (error == -ENXIO)
			return "reflink";
		if (error)
			return "io_error";
	}

	return floop_refuses_attributes(backing->file);
}

int floop_source_publish(struct floop_backing *backing,
			 const struct floop_raw_extent *raw)
{
	struct floop_range range;
	int error;

	lockdep_assert_held(&backing->fs_lock);

	error = floop_raw_check(&backing->geo, raw, &range);
	if (error == -ENODATA)
		return 0;
	if (error)
		return error;

	return floop_map_set(&backing->map, range.sector, range.nr_sectors,
			     range.kind, range.phys, GFP_NOIO);
}

int floop_source_learn(struct floop_backing *backing, u64 pos, u64 end)
{
	lockdep_assert_held(&backing->fs_lock);

	pos = round_down(pos, backing->geo.align);
	end = min(end, backing->geo.file_len);
	/*
	 * XFS answers whole extents, but drops all cached pages to do so and
	 * warns if it cannot: only with none there.
	 */
	if (floop_has_layouts(backing) && !backing->mapping->nrpages)
		return floop_learn_layout(backing, pos, end);

	return floop_learn_bmap(backing, pos, end);
}

void floop_source_look_ahead(struct floop_backing *backing, sector_t sector)
{
	u64 pos = (u64)sector << SECTOR_SHIFT;

	floop_source_learn(backing, pos, pos + FLOOP_LOOK_AHEAD *
					       (u64)backing->geo.align);
}
