/* SPDX-License-Identifier: MIT */
#include "bridge/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xf86drm.h>

#include "bridge/broker.h"
#include "bridge/buffers.h"
#include "bridge/log.h"
#include "bridge/options.h"
#include "bridge/source.h"
#include "render/format.h"
#include "vfio/vgpu.h"

/* A mode set may be under way: mbochs answers the first query of each mode with an error. */
#define TRIES 20
#define TRY_STEP_NS 25000000

static void print_format(uint32_t format)
{
	char name[64];

	printf("%s", format_name(format, name, sizeof(name)));
}

static void print_modifier(uint64_t modifier)
{
	char name[64];

	printf("%s", format_modifier_name(modifier, name, sizeof(name)));
}

/* Which of the machine's GPUs would import: the one behind the device, else what there is. */
static void print_render_nodes(const char *node)
{
	drmDevice *devices[16];
	int count = drmGetDevices2(0, devices, 16);
	bool any = false;

	printf("render node  ");
	if (node) {
		printf("%s%s\n", node,
			access(node, R_OK | W_OK) < 0 ? " (you may not open it)" : "");
	} else {
		printf("none known for this device");
		for (int i = 0; i < count; i++) {
			if (devices[i]->available_nodes & 1 << DRM_NODE_RENDER) {
				printf("%s %s", any ? "," : "; --render-node could name",
					devices[i]->nodes[DRM_NODE_RENDER]);
				any = true;
			}
		}
		printf("%s\n", any ? "" : ", and this machine has none: GL would run in software");
	}
	if (count > 0) {
		drmFreeDevices(devices, count);
	}
}

static void print_info(const struct vgpu_info *info)
{
	printf("device       %s\n", info->name);
	printf("planes       %s\n",
		info->dmabuf && info->region ? "dma-buf and region"
			: info->dmabuf       ? "dma-buf"
			: info->region       ? "region"
					     : "none: the device has no display");
	printf("cursor plane %s\n",
		info->cursor_plane ? "yes" : "no (the guest draws its own pointer)");
	if (info->edid.present) {
		printf("EDID region  yes, up to %u bytes, ", info->edid.max_size);
		if (info->edid.max_xres && info->edid.max_yres) {
			printf("at most %ux%u\n", info->edid.max_xres, info->edid.max_yres);
		} else {
			printf("any resolution\n");
		}
	} else {
		printf("EDID region  no (the guest's resolution can't be asked for)\n");
	}
}

static enum vgpu_answer ask(struct vgpu *vgpu, enum plane_type type, struct vgpu_query *query)
{
	enum vgpu_answer answer = VGPU_TRANSIENT;

	for (int i = 0; i < TRIES && answer == VGPU_TRANSIENT; i++) {
		if (i > 0) {
			nanosleep(&(struct timespec){.tv_nsec = TRY_STEP_NS}, NULL);
		}
		answer = vgpu_query(vgpu, type, query);
	}
	return answer;
}

static void print_plane(const char *label, enum vgpu_answer answer, const struct vgpu_query *query)
{
	const struct plane *plane = &query->plane;

	printf("%-12s ", label);
	switch (answer) {
	case VGPU_PICTURE:
		printf("%ux%u ", plane->width, plane->height);
		print_format(plane->format);
		printf(", modifier ");
		print_modifier(plane->modifier);
		printf(", stride %u, %u bytes, %s %u", plane->stride, plane->size,
			plane->kind == PLANE_KIND_REGION ? "region" : "dma-buf id", plane->id);
		if (plane->type == PLANE_CURSOR) {
			printf(", at %d,%d, hot spot ", query->position.x, query->position.y);
			if (query->position.hot_known) {
				printf("%u,%u", query->position.hot_x, query->position.hot_y);
			} else {
				printf("unknown");
			}
		}
		printf("\n");
		break;
	case VGPU_NO_PICTURE:
		printf("off: the guest has not set it up\n");
		break;
	case VGPU_TRANSIENT:
		printf("no answer for %d ms: %s\n", TRIES * TRY_STEP_NS / 1000000,
			strerror(-query->error));
		break;
	case VGPU_REFUSED:
		printf("refused: %s; the format is ", plane_refusal_text(query->refusal));
		print_format(query->format);
		printf("\n");
		break;
	case VGPU_GONE:
		printf("the device is gone: %s\n", strerror(-query->error));
		break;
	}
}

/* Tries one way to read the picture, for real. True if it works. */
static bool try_renderer(struct vgpu *vgpu, const char *label, enum renderer_kind kind,
	const char *render_node, const struct plane *plane)
{
	struct renderer_options options = {.kind = kind, .render_node = render_node};
	char why[512] = "";
	struct renderer *renderer = renderer_create(&options, why, sizeof(why));

	printf("%-12s ", label);
	if (!renderer) {
		printf("no: %s\n", why);
		return false;
	}
	struct buffers buffers;
	struct image *image;
	enum plane_refusal refusal = PLANE_ACCEPTED;
	pixman_region32_t damage;

	buffers_init(&buffers, vgpu, renderer);
	pixman_region32_init(&damage);
	int rc = buffers_image(&buffers, plane, &image, &refusal, why, sizeof(why));

	if (rc == -EPROTO) {
		snprintf(why, sizeof(why), "%s", plane_refusal_text(refusal));
	}
	if (rc == 0) {
		rc = renderer_update(renderer, image, &damage);
		if (rc < 0) {
			snprintf(why, sizeof(why), "imported, but reading it fails: %s",
				strerror(-rc));
		}
	}
	if (rc < 0) {
		printf("no: %s\n", why);
	} else if (kind == RENDERER_GL && plane->kind == PLANE_KIND_REGION) {
		printf("not needed: what is mapped already is always read by the CPU\n");
	} else {
		printf("yes: %s\n", renderer_describe(renderer));
	}
	pixman_region32_fini(&damage);
	buffers_clear(&buffers);
	renderer_destroy(renderer);
	return rc == 0;
}

int probe(const struct options *options)
{
	char why[512] = "";
	struct broker *broker = NULL;
	struct vgpu *vgpu = NULL;

	if (broker_start(options, NULL, &broker, why, sizeof(why)) == 0) {
		vgpu = source_open(options, broker, why, sizeof(why));
	}
	broker_destroy(broker);
	if (!vgpu) {
		log_error("%s", why);
		return EXIT_SOURCE;
	}
	const struct vgpu_info *info = vgpu_info(vgpu);
	const char *node = options->render_node ? options->render_node
		: info->render_node[0]          ? info->render_node
						: NULL;
	struct vgpu_query query = {0};
	enum vgpu_answer answer = ask(vgpu, PLANE_PRIMARY, &query);
	bool off = answer == VGPU_NO_PICTURE;
	bool shown = off;

	print_info(info);
	print_render_nodes(node);
	print_plane("primary", answer, &query);
	if (answer == VGPU_PICTURE) {
		struct plane plane = query.plane;

		if (info->cursor_plane) {
			answer = ask(vgpu, PLANE_CURSOR, &query);
			print_plane("cursor", answer, &query);
		}
		if (options->renderer != RENDERER_GL) {
			shown |= try_renderer(vgpu, "by CPU", RENDERER_CPU, node, &plane);
		}
		if (options->renderer != RENDERER_CPU) {
			shown |= try_renderer(vgpu, "by GL", RENDERER_GL, node, &plane);
		}
	}
	printf("verdict      %s\n",
		off             ? "can be shown once the guest sets a mode"
			: shown ? "can be shown"
				: "can't be shown, see above");
	vgpu_destroy(vgpu);
	return shown ? EXIT_OK : EXIT_RENDER;
}
