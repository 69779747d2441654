/* SPDX-License-Identifier: MIT */
#include "bridge/facts.h"

#include <stdio.h>
#include <string.h>

void facts_init(struct facts *facts)
{
	memset(facts, 0, sizeof(*facts));
	pthread_mutex_init(&facts->lock, NULL);
}

void facts_finish(struct facts *facts)
{
	pthread_mutex_destroy(&facts->lock);
}

/* Two buffers of one picture differ in nothing that anybody would want to know. */
static bool same_plane(const struct display_facts *now, const struct plane *plane)
{
	struct plane other;

	if (!plane || !now->has_plane) {
		return !plane == !now->has_plane;
	}
	other = *plane;
	other.id = now->plane.id;
	return plane_equal(&other, &now->plane);
}

void facts_set(
	struct facts *facts, enum session_state state, const char *text, const struct plane *plane)
{
	struct display_facts *now;

	if (!facts) {
		return;
	}
	now = &facts->now;
	/* Nobody else writes, so no lock is needed to look. */
	if (now->state == state && same_plane(now, plane) && !strcmp(now->text, text)) {
		return;
	}
	pthread_mutex_lock(&facts->lock);
	now->state = state;
	snprintf(now->text, sizeof(now->text), "%s", text);
	now->has_plane = plane;
	if (plane) {
		now->plane = *plane;
	}
	pthread_mutex_unlock(&facts->lock);
	facts->serial++;
}

void facts_set_renderer(struct facts *facts, const char *text)
{
	if (!facts) {
		return;
	}
	pthread_mutex_lock(&facts->lock);
	snprintf(facts->now.renderer, sizeof(facts->now.renderer), "%s", text);
	pthread_mutex_unlock(&facts->lock);
}

void facts_get(struct facts *facts, struct display_facts *copy)
{
	pthread_mutex_lock(&facts->lock);
	*copy = facts->now;
	pthread_mutex_unlock(&facts->lock);
}

const char *session_state_name(enum session_state state)
{
	static const char *const names[] = {
		[SESSION_UNKNOWN] = "unknown",
		[SESSION_NO_PICTURE] = "no-picture",
		[SESSION_PICTURE] = "picture",
		[SESSION_GONE] = "gone",
		[SESSION_NO_DEVICE] = "no-device",
		[SESSION_PAUSED] = "paused",
	};

	return names[state];
}
