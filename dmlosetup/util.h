/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * util: memory, random numbers, output and signals.
 */
#ifndef DMLOSETUP_UTIL_H
#define DMLOSETUP_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * These exit when there is no memory: nothing that has to be undone allocates
 * through them.
 */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

uint64_t random_u64(void);

/* By that name the program does what losetup does where the two differ. */
bool called_losetup(void);

/*
 * Returns 0, or -1 after a message: not all has been written. That the reader has
 * gone is no message for losetup.
 */
int flush_stdout(void);

/* Short enough not to be noticed. */
void sleep_ms(unsigned int ms);

/*
 * Holds back the signals by which people and service managers end a program.
 * Between the two calls signals_pending() says that one has come;
 * signals_release() lets it do its work, so it may not return. Pairs may nest:
 * the outermost counts.
 */
void signals_hold(void);
bool signals_pending(void);
void signals_release(void);

#endif
