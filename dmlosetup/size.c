// SPDX-License-Identifier: GPL-2.0-only
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_POWER	6	/* E; Z and Y do not fit into 64 bits */

/* "", "K", "KB", "KiB" and their like. Returns 0 and the factor. */
static int parse_suffix(const char *s, uint64_t *factor)
{
	static const char letters[] = "KMGTPEZY";
	const char *letter;
	uint64_t base = 1024;
	int power;

	*factor = 1;
	if (!*s)
		return 0;
	letter = strchr(letters, toupper((unsigned char)*s));
	if (!letter)
		return -EINVAL;
	s++;
	if (!strcasecmp(s, "B"))
		base = 1000;
	else if (*s && strcmp(s, "iB") && strcmp(s, "ib"))
		return -EINVAL;

	power = letter - letters + 1;
	if (power > MAX_POWER)
		return -ERANGE;
	while (power--)
		*factor *= base;
	return 0;
}

/*
 * The digits after the point, as a fraction of @factor, rounded down. Digits
 * below 10^-18 are too small to matter: the largest factor is 2^60.
 */
static uint64_t scale_fraction(const char *digits, size_t n, uint64_t factor)
{
	unsigned __int128 num = 0;
	uint64_t den = 1;
	size_t i;

	for (i = 0; i < n && i < 18; i++) {
		num = num * 10 + (digits[i] - '0');
		den *= 10;
	}
	return num * factor / den;
}

int size_parse(const char *str, uint64_t *size)
{
	const char *frac = NULL;
	size_t nr_frac = 0;
	uint64_t x, factor;
	char *end;
	int rc;

	while (isspace((unsigned char)*str))
		str++;
	/* strtoumax() would take a sign and wrap around. */
	if (!isdigit((unsigned char)*str))
		return -EINVAL;

	errno = 0;
	x = strtoumax(str, &end, 0);
	if (errno)
		return -errno;
	if (*end == '.') {
		frac = end + 1;
		nr_frac = strspn(frac, "0123456789");
		end += 1 + nr_frac;
		if (!*end)
			return -EINVAL;
	}

	rc = parse_suffix(end, &factor);
	if (rc)
		return rc;
	if (__builtin_mul_overflow(x, factor, &x))
		return -ERANGE;
	if (__builtin_add_overflow(x, scale_fraction(frac, nr_frac, factor), &x))
		return -ERANGE;
	*size = x;
	return 0;
}

void size_format(uint64_t size, char buf[static SIZE_STRING])
{
	static const char letters[] = "BKMGTPE";
	uint64_t unit = 1, tenths;
	int power = 0;

	while (size / unit >= 1024) {
		unit *= 1024;
		power++;
	}
	/* Rounded down, so that only a whole is called one. */
	tenths = (unsigned __int128)size * 10 / unit;
	if (tenths < 100 && tenths % 10)
		snprintf(buf, SIZE_STRING, "%" PRIu64 ".%" PRIu64 "%c",
			 tenths / 10, tenths % 10, letters[power]);
	else
		snprintf(buf, SIZE_STRING, "%" PRIu64 "%c", tenths / 10,
			 letters[power]);
}
