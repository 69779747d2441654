/* SPDX-License-Identifier: MIT */
#include "bridge/holding.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void holding_init(struct holding *holding)
{
	memset(holding, 0, sizeof(*holding));
	pthread_mutex_init(&holding->lock, NULL);
	pthread_cond_init(&holding->left, NULL);
	holding->arriving_owner = -1;
	holding->owner = -1;
}

static void add_counters(struct vgpu_counters *sum, struct vgpu_counters *more)
{
	sum->ioctls += more->ioctls;
	sum->queries += more->queries;
	sum->fetches += more->fetches;
	sum->maps += more->maps;
	sum->transient += more->transient;
	sum->stale += more->stale;
	for (int i = 0; i < PLANE_REFUSAL_COUNT; i++) {
		sum->refused[i] += more->refused[i];
	}
}

/* Arriving or there; lock is held. */
static bool present(const struct holding *holding)
{
	return holding->arriving || holding->vgpu;
}

static void close_owner(int *owner)
{
	if (*owner >= 0) {
		close(*owner);
		*owner = -1;
	}
}

/* A device that nobody has taken. */
static void drop_arriving(struct holding *holding)
{
	struct vgpu *vgpu;

	pthread_mutex_lock(&holding->lock);
	vgpu = holding->arriving;
	holding->arriving = NULL;
	if (vgpu) {
		add_counters(&holding->past, vgpu_counters(vgpu));
		close_owner(&holding->arriving_owner);
	}
	pthread_mutex_unlock(&holding->lock);
	vgpu_destroy(vgpu);
}

void holding_finish(struct holding *holding)
{
	drop_arriving(holding);
	holding_drop(holding);
	pthread_cond_destroy(&holding->left);
	pthread_mutex_destroy(&holding->lock);
}

void holding_attach(struct holding *holding, struct vgpu *vgpu, int owner)
{
	pthread_mutex_lock(&holding->lock);
	holding->arriving = vgpu;
	holding->arriving_owner = owner;
	holding->limits = vgpu_info(vgpu)->edid;
	pthread_mutex_unlock(&holding->lock);
}

bool holding_detach(struct holding *holding, const char *sentence)
{
	bool served;

	pthread_mutex_lock(&holding->lock);
	served = holding->served;
	/* Before the thread's start it is the sentence that it begins with. */
	holding->leaving = true;
	snprintf(holding->sentence, sizeof(holding->sentence), "%s", sentence);
	pthread_mutex_unlock(&holding->lock);
	if (!served) {
		drop_arriving(holding);
	}
	return served;
}

void holding_wait_left(struct holding *holding)
{
	pthread_mutex_lock(&holding->lock);
	while (holding->leaving && holding->served) {
		pthread_cond_wait(&holding->left, &holding->lock);
	}
	pthread_mutex_unlock(&holding->lock);
}

bool holding_present(struct holding *holding, struct vgpu_edid *limits)
{
	bool there;

	pthread_mutex_lock(&holding->lock);
	there = present(holding);
	*limits = there ? holding->limits : (struct vgpu_edid){0};
	pthread_mutex_unlock(&holding->lock);
	return there;
}

int holding_set_edid(struct holding *holding, const void *blob, size_t size)
{
	int rc = 0;

	if (size > PLUG_MAX) {
		return -E2BIG;
	}
	pthread_mutex_lock(&holding->lock);
	if (size) {
		memcpy(holding->edid.bytes, blob, size);
	}
	holding->edid.size = size;
	holding->edid_new = true;
	holding->edid_asked++;
	if (present(holding) && !holding->limits.present) {
		rc = -ENOTSUP;
	} else if (present(holding) && size > holding->limits.max_size) {
		rc = -E2BIG;
	}
	pthread_mutex_unlock(&holding->lock);
	return rc;
}

int holding_edid_outcome(struct holding *holding)
{
	int rc;

	pthread_mutex_lock(&holding->lock);
	rc = holding->edid_done != holding->edid_asked ? -EINPROGRESS : holding->edid_result;
	pthread_mutex_unlock(&holding->lock);
	return rc;
}

void holding_counters(struct holding *holding, struct vgpu_counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	pthread_mutex_lock(&holding->lock);
	add_counters(sum, &holding->past);
	if (holding->vgpu) {
		add_counters(sum, vgpu_counters(holding->vgpu));
	}
	if (holding->arriving) {
		add_counters(sum, vgpu_counters(holding->arriving));
	}
	pthread_mutex_unlock(&holding->lock);
}

void holding_serve(struct holding *holding, bool served)
{
	pthread_mutex_lock(&holding->lock);
	holding->served = served;
	if (!served) {
		pthread_cond_broadcast(&holding->left);
	}
	pthread_mutex_unlock(&holding->lock);
}

struct vgpu *holding_take(struct holding *holding)
{
	struct vgpu *vgpu = NULL;

	pthread_mutex_lock(&holding->lock);
	/* While one is there another can't come: see capture_attach(). */
	if (holding->arriving && !holding->vgpu) {
		vgpu = holding->arriving;
		holding->vgpu = vgpu;
		holding->owner = holding->arriving_owner;
		holding->arriving = NULL;
		holding->arriving_owner = -1;
	}
	pthread_mutex_unlock(&holding->lock);
	if (vgpu) {
		plug_attach(&holding->plug);
	}
	return vgpu;
}

void holding_arriving_node(struct holding *holding, char *node, size_t size)
{
	pthread_mutex_lock(&holding->lock);
	snprintf(node, size, "%s",
		holding->arriving ? vgpu_info(holding->arriving)->render_node : "");
	pthread_mutex_unlock(&holding->lock);
}

bool holding_leaves(struct holding *holding, char *sentence, size_t size)
{
	bool leaving;

	pthread_mutex_lock(&holding->lock);
	leaving = holding->leaving;
	if (leaving) {
		snprintf(sentence, size, "%s", holding->sentence);
	}
	pthread_mutex_unlock(&holding->lock);
	return leaving;
}

void holding_tell_left(struct holding *holding)
{
	/* The main thread waits, so that none can come at this moment. */
	drop_arriving(holding);
	pthread_mutex_lock(&holding->lock);
	holding->leaving = false;
	pthread_cond_broadcast(&holding->left);
	pthread_mutex_unlock(&holding->lock);
}

void holding_drop(struct holding *holding)
{
	struct vgpu *vgpu;

	pthread_mutex_lock(&holding->lock);
	vgpu = holding->vgpu;
	holding->vgpu = NULL;
	if (vgpu) {
		add_counters(&holding->past, vgpu_counters(vgpu));
	}
	pthread_mutex_unlock(&holding->lock);
	vgpu_destroy(vgpu);
	close_owner(&holding->owner);
}

int holding_step_edid(struct holding *holding, int64_t now)
{
	int rc;

	pthread_mutex_lock(&holding->lock);
	if (holding->edid_new) {
		plug_set(&holding->plug, &holding->edid);
		holding->edid_new = false;
		holding->edid_taken = holding->edid_asked;
	}
	pthread_mutex_unlock(&holding->lock);
	rc = holding->vgpu ? plug_step(&holding->plug, holding->vgpu, now) : 0;
	if (holding_next(holding) < 0 && holding->edid_done != holding->edid_taken) {
		pthread_mutex_lock(&holding->lock);
		holding->edid_done = holding->edid_taken;
		holding->edid_result = rc < 0 ? rc : 0;
		pthread_mutex_unlock(&holding->lock);
	}
	return rc;
}

int64_t holding_next(const struct holding *holding)
{
	return holding->vgpu ? plug_next(&holding->plug) : -1;
}
