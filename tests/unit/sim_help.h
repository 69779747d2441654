/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the tests of the simulated vGPU: each asserts what it does, so tests stay short.
 *
 * The thread that runs the test; whoever makes a vgpu or maps a buffer ends it.
 */
#ifndef TESTS_UNIT_SIM_HELP_H
#define TESTS_UNIT_SIM_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vfio/sim.h"
#include "vfio/vgpu.h"

#define WAIT_MS 10000 /* far more than anything takes on a quiet machine */

/* From the text of --simulate. */
struct vgpu *help_make(const char *text);
/* Runs a command that must work; what it answers is in a static buffer. */
const char *help_command(struct vgpu *vgpu, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Runs a command that must be refused with a reason that contains part. */
void help_refused(struct vgpu *vgpu, const char *command, const char *part);
/* Queries, must be a picture. */
struct plane help_plane(struct vgpu *vgpu);
struct vgpu_query help_cursor(struct vgpu *vgpu);
struct vgpu_buffer *help_get(struct vgpu *vgpu, const struct plane *plane);
/* Maps a buffer's dma-buf; munmap() of plane.size ends it. */
const uint8_t *help_map(const struct vgpu_buffer *buffer);
/* What sim_reference() says; free() ends it. */
uint32_t *help_reference(struct vgpu *vgpu, uint32_t *width, uint32_t *height);
/* Compares a plane's memory, in an 8-bit RGB format, with the reference. */
void help_compare(struct vgpu *vgpu);
/* Queries until the answer of a plane is as wanted. */
void help_wait_answer(struct vgpu *vgpu, enum plane_type type, enum vgpu_answer answer);
void help_wait_size(struct vgpu *vgpu, uint32_t width, uint32_t height);
/* Entries of /proc/self/fd or /proc/self/task. */
int help_count(const char *directory);
void help_sleep(int milliseconds);

#endif
