/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vfio/sim_command.h"

static const struct {
	const char *name;
	size_t offset, size;
} raw_fields[] = {
#define FIELD(name, member)                                                      \
	{                                                                        \
		name, offsetof(struct vfio_device_gfx_plane_info, member),       \
			sizeof(((struct vfio_device_gfx_plane_info *)0)->member) \
	}
	FIELD("width", width),
	FIELD("height", height),
	FIELD("stride", stride),
	FIELD("size", size),
	FIELD("format", drm_format),
	FIELD("modifier", drm_format_mod),
	FIELD("x", x_pos),
	FIELD("y", y_pos),
	FIELD("hotx", x_hot),
	FIELD("hoty", y_hot),
	FIELD("id", dmabuf_id),
	FIELD("region", region_index),
#undef FIELD
};

#define RAW_FIELDS (sizeof(raw_fields) / sizeof(raw_fields[0]))

/* Both locks are held. */
static int shrink(struct sim_call *call)
{
	struct sim_buffer *buffer = call->sim->front;
	off_t size = (off_t)(buffer->mode.size / 2) & ~(off_t)4095;

	if (ftruncate(buffer->fd, size) < 0) {
		snprintf(call->why, call->why_size, "can't cut the memory: %s", strerror(errno));
		return -EINVAL;
	}
	/* Painting it now would kill the painter. */
	call->sim->broken = true;
	return 0;
}

static int arm(struct sim_call *call, const char *name, unsigned count)
{
	static const struct {
		const char *name;
		enum sim_fault fault;
		int error;
	} faults[] = {
		{"enomem", SIM_FAULT_QUERY, -ENOMEM},
		{"einval", SIM_FAULT_QUERY, -EINVAL},
		{"efault", SIM_FAULT_QUERY, -EFAULT},
		{"stale", SIM_FAULT_STALE, 0},
		{"shortbuf", SIM_FAULT_SHORT, 0},
		{"stride0", SIM_FAULT_STRIDE, 0},
		{"size0", SIM_FAULT_SIZE, 0},
	};

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (strcmp(faults[i].name, name) == 0) {
			call->sim->faults[faults[i].fault] = count;
			if (faults[i].error != 0) {
				call->sim->fault_error = faults[i].error;
			}
			return 0;
		}
	}
	return sim_refuse(call, name,
		"enomem, einval, efault, stale, shortbuf, stride0, size0, shrink, garbage-x, hang, "
		"gone or clear");
}

int sim_do_fault(struct sim_call *call)
{
	struct sim *sim = call->sim;
	const char *name = call->count > 0 ? call->words[0] : "";
	long long count = 1;
	int rc = 0;

	if (call->count > 1 && !sim_parse_integer(call->words[1], 0, SIM_MAX_COUNT, &count)) {
		return sim_refuse(call, call->words[1], "a count from 0 to 1000000");
	}
	if (strcmp(name, "garbage-x") == 0) {
		/* Not under lock: it takes long, and queries wait. */
		pthread_mutex_lock(&sim->paint);
		sim->garbage = true;
		sim_spoil_shown(sim);
		pthread_mutex_unlock(&sim->paint);
		return 0;
	}
	sim_lock_both(sim);
	if (strcmp(name, "shrink") == 0) {
		rc = shrink(call);
	} else if (strcmp(name, "gone") == 0) {
		sim->gone = true;
	} else if (strcmp(name, "clear") == 0) {
		memset(sim->faults, 0, sizeof(sim->faults));
		sim->garbage = false;
		sim->hung = false;
	} else if (strcmp(name, "hang") == 0) {
		sim->hung = true;
	} else {
		rc = arm(call, name, (unsigned)count);
	}
	sim_unlock_both(sim);
	return rc;
}

void sim_raw_apply(const struct sim_raw *raw, struct vfio_device_gfx_plane_info *info)
{
	for (size_t i = 0; i < RAW_FIELDS; i++) {
		if (raw->set & 1u << i) {
			memcpy((char *)info + raw_fields[i].offset,
				(const char *)&raw->info + raw_fields[i].offset,
				raw_fields[i].size);
		}
	}
}

static int set_raw(struct sim_call *call, struct sim_raw *raw, char *word)
{
	char *value = strchr(word, '=');
	uint64_t number;
	uint32_t small;

	if (!value) {
		return sim_refuse(call, word, "FIELD=VALUE");
	}
	*value++ = '\0';
	for (size_t i = 0; i < RAW_FIELDS; i++) {
		bool wide = raw_fields[i].size == sizeof(number);
		const struct sim_format *format = sim_format_by_name(value);

		if (strcmp(raw_fields[i].name, word) != 0) {
			continue;
		}
		if (format) {
			number = format->fourcc;
		} else if (!isdigit((unsigned char)*value) ||
			!sim_parse_unsigned(value, 0, wide ? UINT64_MAX : UINT32_MAX, &number)) {
			return sim_refuse(call, value, "a number, or the fourcc of a format");
		}
		small = (uint32_t)number;
		memcpy((char *)&raw->info + raw_fields[i].offset,
			wide ? (const void *)&number : (const void *)&small, raw_fields[i].size);
		raw->set |= 1u << i;
		return 0;
	}
	return sim_refuse(call, word,
		"width, height, stride, size, format, modifier, x, y, hotx, hoty, id or region");
}

int sim_do_raw(struct sim_call *call)
{
	struct sim *sim = call->sim;
	bool cursor = call->count > 0 && strcmp(call->words[0], "cursor") == 0;
	struct sim_raw raw;
	int rc = 0;

	if (call->count == (cursor ? 1 : 0)) {
		return sim_refuse(call, "raw", "clear, or [cursor] FIELD=VALUE...");
	}
	sim_lock_both(sim);
	if (strcmp(call->words[0], "clear") == 0 && call->count == 1) {
		memset(sim->raw, 0, sizeof(sim->raw));
	} else {
		/* All or nothing. */
		raw = sim->raw[cursor];
		for (int i = cursor; i < call->count && rc == 0; i++) {
			rc = set_raw(call, &raw, call->words[i]);
		}
		if (rc == 0) {
			sim->raw[cursor] = raw;
		}
	}
	sim_unlock_both(sim);
	return rc;
}
