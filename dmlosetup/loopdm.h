/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * loopdm: fastloop devices as the device-mapper knows them.
 *
 * The only user of libdevmapper. Functions return 0 or a negative errno value
 * and print nothing; loopdm_reason() may have a sentence about the last failure.
 * Devices are addressed by UUID wherever something is changed: names and numbers
 * can have a new owner by then.
 *
 * Every function that makes or removes a device waits for udev before it
 * returns, also when it fails, so /dev/mapper is up to date then.
 */
#ifndef DMLOSETUP_LOOPDM_H
#define DMLOSETUP_LOOPDM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "table.h"

struct loopdev {
	char name[NAME_SIZE];
	char uuid[UUID_SIZE];
	dev_t devno;
	bool has_ident;		/* the UUID could be read: ident is valid */
	struct ident ident;
	bool active;		/* has a table: "used", in losetup's words */
	bool read_only;
	bool has_info;		/* what only root may ask is known: */
	bool deferred;		/* will be removed at its last close */
	bool suspended;
	uint64_t offset;	/* bytes in the backing file */
	uint64_t sectors;	/* size of the device; 0: unknown */
	char *path;		/* of the backing file; NULL: not ours to know */
	char *features;		/* of the table; NULL: none, or unknown */
	char target[16];	/* of the table; "" if unknown */
};

struct mapping {
	const char *target;
	char params[PARAMS_SIZE];
	uint64_t sectors;
	unsigned int sector_size;	/* bytes; sectors is made of whole ones */
	bool read_only;
};

void loopdm_init(void);
void loopdm_exit(void);

/* Is there a device-mapper, and may we use it? -EACCES, -ENODEV… */
int loopdm_check(void);

/* More about the last failure, or NULL. Valid until the next call. */
const char *loopdm_reason(void);

/* -ENXIO: no such device. -ENODEV: there is one, and it is not ours. */
int loopdm_get(const char *name, struct loopdev *dev);
int loopdm_get_uuid(const char *uuid, struct loopdev *dev);
void loopdev_free(struct loopdev *dev);

/* What the target says of itself; *@status is to be freed. */
int loopdm_status(const char *uuid, char **status);

/* Tells the target something, and what it answers; *@answer is to be freed. */
int loopdm_message(const char *uuid, const char *message, char **answer);

/*
 * All fastloop devices, placeholders and unfinished ones too, sorted by name.
 * Works without any rights, through sysfs, and then knows less of them. After an
 * error those are there that could be read; to be freed all the same.
 */
int loopdm_list(struct loopdev **devs, size_t *nr);

/* Only those whose UUID starts so, in no order; needs rights. */
int loopdm_list_some(const char *uuid_prefix, struct loopdev **devs, size_t *nr);
void loopdm_list_free(struct loopdev *devs, size_t nr);

/*
 * Calls @fn for the name of every device whose name and UUID start with these
 * prefixes (NULL: any). Stops at the first non-zero return and returns it.
 */
int loopdm_each_name(const char *name_prefix, const char *uuid_prefix,
		     int (*fn)(const char *name, void *data), void *data);

/*
 * Makes a device, complete and with its node, or nothing at all. -EEXIST: the
 * name is taken. -ESTALE: somebody else removed the device meanwhile.
 *
 * With @hold it goes at its last close, which is told the kernel before there is
 * anything to use: *@hold is open on it, for the caller to close, or -1 after a
 * failure. It is -1, too, if there is no node to be opened in time; then the device
 * stays.
 */
int loopdm_create(const char *name, const char *uuid,
		  const struct mapping *map, int *hold);

/* Ends that, if @fd is one: who closed it last would not know when it is gone. */
void loopdm_release(const char *uuid, int fd);

/*
 * The same for a placeholder: a node of size 0, to be claimed later. The reason of
 * an earlier failure is kept: it may have made this necessary.
 */
int loopdm_create_free(const char *name);

/* True if the live table of the device with this UUID is just that. */
bool loopdm_maps(const char *uuid, const struct mapping *map);

/* Replaces the table, in one step for those who use the device. */
int loopdm_reload(const struct loopdev *dev, const struct mapping *map);

/* -EBUSY: it is in use. -ENXIO: no such device. */
int loopdm_remove(const char *name, const char *uuid);

/* Removes it as soon as it is not in use any more, and takes that back. */
int loopdm_remove_at_close(const char *uuid);
int loopdm_keep_at_close(const char *uuid);

/*
 * Waits for udev to have made the node of a device or, with @devno 0, to have
 * taken it away: for what was begun by somebody who did not wait, or was killed.
 * Then sees to it itself.
 */
void loopdm_wait_for_node(const char *name, dev_t devno);

#endif
