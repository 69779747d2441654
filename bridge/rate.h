/* SPDX-License-Identifier: MIT */
/*
 * How often something happens now, and how long it takes, counted without a timer.
 *
 * Each has one writer, on any one thread; any thread may read. Plain values, all zero at first.
 */
#ifndef BRIDGE_RATE_H
#define BRIDGE_RATE_H

#include <stdatomic.h>
#include <stdint.h>

/* Of the last two seconds: the number of the second, how often in it, and how often before. */
struct rate {
	atomic_uint_fast64_t packed;
};

static inline void rate_count(struct rate *rate, int64_t now_ns)
{
	uint64_t second = (uint64_t)now_ns / UINT64_C(1000000000) & 0xffffffff;
	uint64_t packed = rate->packed, last = packed >> 32, before = packed >> 16 & 0xffff;
	uint64_t count = packed & 0xffff;

	if (second != last) {
		before = second == last + 1 ? count : 0;
		count = 0;
	}
	count += count < 0xffff;
	rate->packed = second << 32 | before << 16 | count;
}

/* In the last whole second. */
static inline unsigned rate_read(const struct rate *rate, int64_t now_ns)
{
	uint64_t second = (uint64_t)now_ns / UINT64_C(1000000000) & 0xffffffff;
	uint64_t packed = rate->packed, last = packed >> 32;

	if (second == last) {
		return packed >> 16 & 0xffff;
	}
	return second == last + 1 ? packed & 0xffff : 0;
}

/* Times that something took, in microseconds. */
struct delay {
	atomic_uint_fast64_t count, sum_us;
	atomic_uint_fast64_t recent_us; /* a mean in which the last ones count most */
};

static inline void delay_count(struct delay *delay, int64_t ns)
{
	uint64_t us = ns > 0 ? (uint64_t)ns / 1000 : 0;
	uint64_t recent = delay->recent_us;

	delay->recent_us = delay->count ? recent - recent / 8 + us / 8 : us;
	delay->sum_us += us;
	delay->count++;
}

#endif
