/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * message: what "dmsetup message" can ask for.
 */
#ifndef FLOOP_MESSAGE_H
#define FLOOP_MESSAGE_H

struct floop_target;

/*
 * May sleep; takes the locks of the target's backing. Returns 0, 1 with an
 * answer in @result, or an error; of an unknown message the log says so.
 */
int floop_message_run(struct floop_target *target, unsigned int argc,
		      char **argv, char *result, unsigned int maxlen);

#endif
