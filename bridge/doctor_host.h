/* SPDX-License-Identifier: MIT */
/*
 * The checks of the host, one function for each; doctor_host.c has the list that names them.
 *
 * As doctor.h has it: they read and leave findings. Main thread.
 */
#ifndef BRIDGE_DOCTOR_HOST_H
#define BRIDGE_DOCTOR_HOST_H

#include "bridge/doctor.h"

#define DOCTOR_CHECK(name) void name(struct doctor_report *report, const struct doctor_host *host)

DOCTOR_CHECK(check_gpu); /* D01 */
DOCTOR_CHECK(check_kernel); /* D02 */
DOCTOR_CHECK(check_module); /* D03 */
DOCTOR_CHECK(check_aperture); /* D04 */
DOCTOR_CHECK(check_parameters); /* D05 */
DOCTOR_CHECK(check_guc); /* D06 */
DOCTOR_CHECK(check_vgpus); /* D08 */
DOCTOR_CHECK(check_msrs); /* D13 */
DOCTOR_CHECK(check_iommu); /* D14 */
DOCTOR_CHECK(check_suspend); /* D22 */
DOCTOR_CHECK(check_known_bugs); /* D23 */
DOCTOR_CHECK(check_firmware_messages); /* D29 */
DOCTOR_CHECK(check_orphans); /* D30 */
DOCTOR_CHECK(check_held); /* D31 */
DOCTOR_CHECK(check_hangs); /* D32 */
DOCTOR_CHECK(check_old_kernel); /* D33 */
DOCTOR_CHECK(check_nvidia_console); /* D34 */
DOCTOR_CHECK(check_leftovers); /* D36 */

/*
 * Adds that the check has nothing to do, as the vGPUs are not GVT-g's, and returns true; else false.
 */
bool doctor_not_gvt(struct doctor_report *report, const struct doctor_host *host);
/* Is there a type of the Intel GPU that is looked at? */
bool doctor_gvt_works(const struct doctor_host *host);
/* A yes-or-no parameter of a module: 1, 0, or -1 where it can't be read. */
int doctor_module_flag(const struct doctor_host *host, const char *module, const char *name);

#endif
