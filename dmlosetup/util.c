// SPDX-License-Identifier: GPL-2.0-only
#include "util.h"

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Not SIGQUIT: that one remains for getting out when udev hangs. */
static const int held[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGALRM,
			    SIGUSR1, SIGUSR2 };

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		err(EXIT_FAILURE, NULL);
	return p;
}

char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		err(EXIT_FAILURE, NULL);
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *p;

	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		err(EXIT_FAILURE, NULL);
	va_end(ap);
	return p;
}

uint64_t random_u64(void)
{
	uint64_t x;

	/* Up to 256 bytes never come in parts. */
	while (getrandom(&x, sizeof(x), 0) != sizeof(x))
		if (errno != EINTR)
			err(EXIT_FAILURE, "no random number");
	return x;
}

bool called_losetup(void)
{
	return !strcmp(program_invocation_short_name, "losetup");
}

int flush_stdout(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	if (errno != EPIPE || !called_losetup())
		warn("write error");
	return -1;
}

void sleep_ms(unsigned int ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&t, NULL);
}

/* How many callers want them held back; they may nest. */
static unsigned int nr_holds;

static void held_set(sigset_t *set)
{
	size_t i;

	sigemptyset(set);
	for (i = 0; i < ARRAY_SIZE(held); i++)
		sigaddset(set, held[i]);
}

void signals_hold(void)
{
	sigset_t set;

	if (nr_holds++)
		return;
	held_set(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

/* A blocked signal becomes pending even if it is going to be ignored. */
static bool is_ignored(int sig)
{
	struct sigaction sa;

	return !sigaction(sig, NULL, &sa) && sa.sa_handler == SIG_IGN;
}

bool signals_pending(void)
{
	sigset_t pending;
	size_t i;

	sigpending(&pending);
	for (i = 0; i < ARRAY_SIZE(held); i++)
		if (sigismember(&pending, held[i]) > 0 && !is_ignored(held[i]))
			return true;
	return false;
}

void signals_release(void)
{
	sigset_t set;

	if (--nr_holds)
		return;
	held_set(&set);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
