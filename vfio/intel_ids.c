/* SPDX-License-Identifier: MIT */
/*
 * Intel's GPUs by PCI id, as far as it matters whether GVT-g can work on them.
 *
 * The list of GVT-g's own is is_supported_device() of the kernel's i915 driver: Broadwell, Skylake,
 * Broxton, Kaby Lake, Coffee Lake and Comet Lake, each by single numbers. All others are given in
 * ranges, as it is enough to know that they are none of these.
 */
#include "vfio/inventory.h"

struct ids {
	uint16_t first, last;
};

struct generation {
	const char *name;
	bool gvt;
	const struct ids *ids; /* an entry with last 0 ends it */
};

#define ONE(id)        \
	{              \
		id, id \
	}
#define END          \
	{            \
		0, 0 \
	}

static const struct ids broadwell[] = {ONE(0x1602), ONE(0x1606), {0x160a, 0x160b}, {0x160d, 0x160e},
	ONE(0x1612), ONE(0x1616), {0x161a, 0x161b}, {0x161d, 0x161e}, ONE(0x1622), ONE(0x1626),
	{0x162a, 0x162b}, {0x162d, 0x162e}, ONE(0x1632), ONE(0x1636), {0x163a, 0x163b},
	{0x163d, 0x163e}, END};
static const struct ids skylake[] = {ONE(0x1902), ONE(0x1906), {0x190a, 0x190b}, ONE(0x190e),
	{0x1912, 0x1913}, {0x1915, 0x1917}, {0x191a, 0x191b}, {0x191d, 0x191e}, ONE(0x1921),
	ONE(0x1923), {0x1926, 0x1927}, {0x192a, 0x192b}, ONE(0x192d), ONE(0x1932), {0x193a, 0x193b},
	ONE(0x193d), END};
static const struct ids broxton[] = {ONE(0x0a84), {0x1a84, 0x1a85}, {0x5a84, 0x5a85}, END};
static const struct ids kaby_lake[] = {ONE(0x5902), ONE(0x5906), ONE(0x5908), {0x590a, 0x590b},
	ONE(0x590e), {0x5912, 0x5913}, {0x5915, 0x5917}, {0x591a, 0x591b}, {0x591d, 0x591e},
	ONE(0x5921), ONE(0x5923), {0x5926, 0x5927}, ONE(0x593b), END};
static const struct ids amber_lake[] = {ONE(0x591c), ONE(0x87c0), ONE(0x87ca), END};
static const struct ids coffee_lake[] = {
	{0x3e90, 0x3e94}, ONE(0x3e96), {0x3e98, 0x3e9c}, {0x3ea5, 0x3ea9}, END};
static const struct ids whiskey_lake[] = {{0x3ea0, 0x3ea4}, END};
static const struct ids comet_lake[] = {ONE(0x9b21), ONE(0x9b41), ONE(0x9ba2), {0x9ba4, 0x9ba5},
	ONE(0x9ba8), ONE(0x9baa), ONE(0x9bac), ONE(0x9bc2), {0x9bc4, 0x9bc6}, ONE(0x9bc8),
	ONE(0x9bca), ONE(0x9bcc), ONE(0x9be6), ONE(0x9bf6), END};

static const struct ids ironlake[] = {ONE(0x0042), ONE(0x0046), END};
static const struct ids sandy_bridge[] = {ONE(0x0102), ONE(0x0106), ONE(0x010a), ONE(0x0112),
	ONE(0x0116), ONE(0x0122), ONE(0x0126), END};
static const struct ids ivy_bridge[] = {
	ONE(0x0152), ONE(0x0156), ONE(0x015a), ONE(0x0162), ONE(0x0166), ONE(0x016a), END};
static const struct ids bay_trail[] = {ONE(0x0155), ONE(0x0157), {0x0f30, 0x0f33}, END};
static const struct ids haswell[] = {
	{0x0402, 0x042e}, {0x0a02, 0x0a2e}, {0x0c02, 0x0c2e}, {0x0d02, 0x0d2e}, END};
static const struct ids cherryview[] = {{0x22b0, 0x22b3}, END};
static const struct ids gemini_lake[] = {{0x3184, 0x3185}, END};
static const struct ids cannon_lake[] = {{0x5a40, 0x5a5c}, END};
static const struct ids ice_lake[] = {{0x8a50, 0x8a71}, END};
static const struct ids elkhart_lake[] = {{0x4541, 0x4571}, END};
static const struct ids jasper_lake[] = {{0x4e51, 0x4e71}, END};
static const struct ids tiger_lake[] = {{0x9a40, 0x9af8}, END};
static const struct ids rocket_lake[] = {{0x4c80, 0x4c9a}, END};
static const struct ids dg1[] = {{0x4905, 0x4909}, END};
static const struct ids alder_lake[] = {{0x4626, 0x462a}, {0x4680, 0x4693}, {0x46a0, 0x46c3}, END};
static const struct ids alder_lake_n[] = {{0x46d0, 0x46d4}, END};
static const struct ids raptor_lake[] = {{0xa720, 0xa721}, {0xa780, 0xa78b}, {0xa7a0, 0xa7ad}, END};
static const struct ids arc[] = {{0x4f80, 0x4f88}, {0x5690, 0x56bf}, END};
static const struct ids flex[] = {{0x56c0, 0x56c2}, END};
static const struct ids ponte_vecchio[] = {{0x0b69, 0x0b6e}, {0x0bd0, 0x0be5}, END};
static const struct ids arrow_lake[] = {
	ONE(0x7d41), ONE(0x7d51), ONE(0x7d67), ONE(0x7dd1), ONE(0xb640), END};
static const struct ids meteor_lake[] = {
	ONE(0x7d40), ONE(0x7d45), ONE(0x7d55), ONE(0x7d60), ONE(0x7dd5), END};
static const struct ids lunar_lake[] = {ONE(0x6420), ONE(0x64a0), ONE(0x64b0), END};
static const struct ids battlemage[] = {{0xe202, 0xe223}, END};
static const struct ids panther_lake[] = {{0xb080, 0xb0bf}, END};

static const struct generation generations[] = {
	{"Broadwell (Gen8)", true, broadwell},
	{"Skylake (Gen9)", true, skylake},
	{"Apollo Lake (Gen9)", true, broxton},
	{"Kaby Lake (Gen9)", true, kaby_lake},
	{"Amber Lake (Gen9)", true, amber_lake},
	{"Coffee Lake (Gen9)", true, coffee_lake},
	{"Whiskey Lake (Gen9)", true, whiskey_lake},
	{"Comet Lake (Gen9)", true, comet_lake},
	{"Ironlake (Gen5)", false, ironlake},
	{"Sandy Bridge (Gen6)", false, sandy_bridge},
	{"Ivy Bridge (Gen7)", false, ivy_bridge},
	{"Bay Trail (Gen7)", false, bay_trail},
	{"Haswell (Gen7)", false, haswell},
	{"Cherryview or Braswell (Gen8)", false, cherryview},
	{"Gemini Lake (Gen9)", false, gemini_lake},
	{"Cannon Lake (Gen10)", false, cannon_lake},
	{"Ice Lake (Gen11)", false, ice_lake},
	{"Elkhart Lake (Gen11)", false, elkhart_lake},
	{"Jasper Lake (Gen11)", false, jasper_lake},
	{"Tiger Lake (Gen12)", false, tiger_lake},
	{"Rocket Lake (Gen12)", false, rocket_lake},
	{"DG1 (Gen12)", false, dg1},
	{"Alder Lake (Gen12)", false, alder_lake},
	{"Alder Lake-N or Twin Lake (Gen12)", false, alder_lake_n},
	{"Raptor Lake (Gen12)", false, raptor_lake},
	{"Arc (Xe-HPG)", false, arc},
	{"Data Center GPU Flex (Xe-HPG)", false, flex},
	{"Data Center GPU Max (Xe-HPC)", false, ponte_vecchio},
	{"Meteor Lake (Xe-LPG)", false, meteor_lake},
	{"Arrow Lake (Xe-LPG)", false, arrow_lake},
	{"Lunar Lake (Xe2)", false, lunar_lake},
	{"Battlemage (Xe2)", false, battlemage},
	{"Panther Lake (Xe3)", false, panther_lake},
};

const char *intel_generation(uint16_t device, bool *gvt, bool *never)
{
	for (size_t i = 0; i < sizeof(generations) / sizeof(generations[0]); i++) {
		const struct generation *generation = &generations[i];

		for (const struct ids *ids = generation->ids; ids->last; ids++) {
			if (device >= ids->first && device <= ids->last) {
				*gvt = generation->gvt;
				*never = !generation->gvt;
				return generation->name;
			}
		}
	}
	*gvt = false;
	*never = false;
	return NULL;
}
