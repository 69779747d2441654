/* SPDX-License-Identifier: MIT */
#include <drm_fourcc.h>
#include <string.h>

#ifdef __x86_64__
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "render/damage.h"
#include "render/tile.h"

#define RGB_MASK 0x00ffffffu

/* From here on the compiler must take what lies at p as unknown: it can't go back to the source. */
#define SETTLE(p) __asm__ volatile("" : : "r"(p) : "memory")

#define ALWAYS_INLINE inline __attribute__((always_inline))

struct unaligned32 {
	uint32_t value;
} __attribute__((packed, may_alias));

static ALWAYS_INLINE uint32_t swap_red_blue(uint32_t pixel)
{
	return (pixel & 0x0000ff00) | (pixel >> 16 & 0xff) | (pixel & 0xff) << 16;
}

#ifdef __SSE2__
#define BLOCK 16 /* pixels */

static ALWAYS_INLINE __m128i order4(__m128i pixels, bool swap)
{
	if (swap) {
		__m128i green = _mm_and_si128(pixels, _mm_set1_epi32(0x0000ff00));
		__m128i low = _mm_and_si128(_mm_srli_epi32(pixels, 16), _mm_set1_epi32(0xff));
		__m128i high = _mm_slli_epi32(_mm_and_si128(pixels, _mm_set1_epi32(0xff)), 16);

		return _mm_or_si128(green, _mm_or_si128(low, high));
	}
	return _mm_and_si128(pixels, _mm_set1_epi32(RGB_MASK));
}

static ALWAYS_INLINE bool update_block(uint32_t *to, const uint8_t *from, bool swap)
{
	const __m128i *source = (const __m128i *)from;
	__m128i *target = (__m128i *)to;
	__m128i a = _mm_loadu_si128(source);
	__m128i b = _mm_loadu_si128(source + 1);
	__m128i c = _mm_loadu_si128(source + 2);
	__m128i d = _mm_loadu_si128(source + 3);
	__m128i differ;

	/* Holds them in registers: without this the compiler might load again for the store. */
	__asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));

	a = order4(a, swap);
	b = order4(b, swap);
	c = order4(c, swap);
	d = order4(d, swap);
	differ = _mm_or_si128(_mm_or_si128(_mm_xor_si128(a, _mm_loadu_si128(target)),
				      _mm_xor_si128(b, _mm_loadu_si128(target + 1))),
		_mm_or_si128(_mm_xor_si128(c, _mm_loadu_si128(target + 2)),
			_mm_xor_si128(d, _mm_loadu_si128(target + 3))));
	if (_mm_movemask_epi8(_mm_cmpeq_epi8(differ, _mm_setzero_si128())) == 0xffff) {
		return false;
	}
	_mm_storeu_si128(target, a);
	_mm_storeu_si128(target + 1, b);
	_mm_storeu_si128(target + 2, c);
	_mm_storeu_si128(target + 3, d);
	return true;
}
#else
#define BLOCK 8 /* pixels */

static ALWAYS_INLINE bool update_block(uint32_t *to, const uint8_t *from, bool swap)
{
	uint32_t pixels[BLOCK], differ = 0;

	memcpy(pixels, from, sizeof(pixels));
	SETTLE(pixels);
	for (unsigned i = 0; i < BLOCK; i++) {
		pixels[i] = swap ? swap_red_blue(pixels[i]) : pixels[i] & RGB_MASK;
		differ |= pixels[i] ^ to[i];
	}
	if (differ) {
		memcpy(to, pixels, sizeof(pixels));
	}
	return differ != 0;
}
#endif

static ALWAYS_INLINE bool update_part(uint32_t *to, const uint8_t *from, uint32_t width, bool swap)
{
	bool differ = false;
	uint32_t x = 0;

	for (; x + BLOCK <= width; x += BLOCK) {
		differ |= update_block(to + x, from + (size_t)x * 4, swap);
	}
	for (; x < width; x++) {
		const volatile struct unaligned32 *source =
			(const volatile struct unaligned32 *)(from + (size_t)x * 4);
		uint32_t pixel = source->value;

		pixel = swap ? swap_red_blue(pixel) : pixel & RGB_MASK;
		if (pixel != to[x]) {
			to[x] = pixel;
			differ = true;
		}
	}
	return differ;
}

/* A width that is known while compiling lets the blocks of a whole tile unroll. */
static ALWAYS_INLINE void update_rgb(
	uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks, bool swap)
{
	for (; width >= RENDER_TILE; width -= RENDER_TILE) {
		*marks++ |= update_part(to, from, RENDER_TILE, swap);
		to += RENDER_TILE;
		from += (size_t)RENDER_TILE * 4;
	}
	if (width) {
		*marks |= update_part(to, from, width, swap);
	}
}

static void row_xrgb8888(uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks)
{
	update_rgb(to, from, width, marks, false);
}

static void row_xbgr8888(uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks)
{
	update_rgb(to, from, width, marks, true);
}

#ifdef __x86_64__
/*
 * A tile's row is eight AVX2 registers: one test decides for all of it, where the loop above tests
 * each 64 bytes. That is what brings an unchanged picture to the speed of a memcmp.
 */
#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __m256i order8(__m256i pixels, bool swap)
{
	const __m256i mask = _mm256_set1_epi32(RGB_MASK);
	const __m256i order = _mm256_setr_epi8(2, 1, 0, -1, 6, 5, 4, -1, 10, 9, 8, -1, 14, 13, 12,
		-1, 2, 1, 0, -1, 6, 5, 4, -1, 10, 9, 8, -1, 14, 13, 12, -1);

	return swap ? _mm256_shuffle_epi8(pixels, order) : _mm256_and_si256(pixels, mask);
}

AVX2 static inline bool update_tile_row(uint32_t *to, const uint8_t *from, bool swap)
{
	const __m256i *source = (const __m256i *)from;
	__m256i *target = (__m256i *)to;
	__m256i a = _mm256_loadu_si256(source), b = _mm256_loadu_si256(source + 1);
	__m256i c = _mm256_loadu_si256(source + 2), d = _mm256_loadu_si256(source + 3);
	__m256i e = _mm256_loadu_si256(source + 4), f = _mm256_loadu_si256(source + 5);
	__m256i g = _mm256_loadu_si256(source + 6), h = _mm256_loadu_si256(source + 7);
	__m256i differ;

	/* As in update_block(). */
	__asm__ volatile(""
			 : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f), "+x"(g), "+x"(h));

	a = order8(a, swap);
	b = order8(b, swap);
	c = order8(c, swap);
	d = order8(d, swap);
	e = order8(e, swap);
	f = order8(f, swap);
	g = order8(g, swap);
	h = order8(h, swap);
	differ = _mm256_xor_si256(a, _mm256_loadu_si256(target));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(b, _mm256_loadu_si256(target + 1)));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(c, _mm256_loadu_si256(target + 2)));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(d, _mm256_loadu_si256(target + 3)));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(e, _mm256_loadu_si256(target + 4)));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(f, _mm256_loadu_si256(target + 5)));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(g, _mm256_loadu_si256(target + 6)));
	differ = _mm256_or_si256(differ, _mm256_xor_si256(h, _mm256_loadu_si256(target + 7)));
	if (_mm256_testz_si256(differ, differ)) {
		return false;
	}
	_mm256_storeu_si256(target, a);
	_mm256_storeu_si256(target + 1, b);
	_mm256_storeu_si256(target + 2, c);
	_mm256_storeu_si256(target + 3, d);
	_mm256_storeu_si256(target + 4, e);
	_mm256_storeu_si256(target + 5, f);
	_mm256_storeu_si256(target + 6, g);
	_mm256_storeu_si256(target + 7, h);
	return true;
}

AVX2 static inline void update_rgb_avx2(
	uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks, bool swap)
{
	for (; width >= RENDER_TILE; width -= RENDER_TILE) {
		*marks++ |= update_tile_row(to, from, swap);
		to += RENDER_TILE;
		from += (size_t)RENDER_TILE * 4;
	}
	if (width) {
		*marks |= update_part(to, from, width, swap);
	}
}

AVX2 static void row_xrgb8888_avx2(
	uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks)
{
	update_rgb_avx2(to, from, width, marks, false);
}

AVX2 static void row_xbgr8888_avx2(
	uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks)
{
	update_rgb_avx2(to, from, width, marks, true);
}
#endif

/*
 * The other formats: a tile's row is copied into private memory, converted there and compared from
 * there. Conversions always do RENDER_TILE pixels: a fixed count is what the compiler vectorises, and
 * a row's unused end costs nothing.
 */
union raw {
	uint8_t bytes[RENDER_TILE * 4];
	uint16_t half[RENDER_TILE];
	uint32_t word[RENDER_TILE];
};

/* n * 255 / 31 and n * 255 / 63, rounded to the nearest; exact for every value. */
static ALWAYS_INLINE uint32_t widen5(uint32_t value)
{
	return (value * 527 + 23) >> 6;
}

static ALWAYS_INLINE uint32_t widen6(uint32_t value)
{
	return (value * 259 + 33) >> 6;
}

static ALWAYS_INLINE void convert_rgb565(uint32_t *to, const union raw *raw)
{
	for (unsigned i = 0; i < RENDER_TILE; i++) {
		uint32_t pixel = raw->half[i];

		to[i] = widen5(pixel >> 11) << 16 | widen6(pixel >> 5 & 0x3f) << 8 |
			widen5(pixel & 0x1f);
	}
}

/* n * 255 / 1023, rounded to the nearest; exact for every value. */
static ALWAYS_INLINE uint32_t narrow10(uint32_t value)
{
	return (value * 1021 + 2048) >> 12;
}

static ALWAYS_INLINE void convert_2101010(uint32_t *to, const union raw *raw, bool swap)
{
	for (unsigned i = 0; i < RENDER_TILE; i++) {
		uint32_t pixel = raw->word[i];
		uint32_t high = narrow10(pixel >> 20 & 0x3ff);
		uint32_t green = narrow10(pixel >> 10 & 0x3ff);
		uint32_t low = narrow10(pixel & 0x3ff);

		to[i] = swap ? low << 16 | green << 8 | high : high << 16 | green << 8 | low;
	}
}

static ALWAYS_INLINE void convert_xrgb2101010(uint32_t *to, const union raw *raw)
{
	convert_2101010(to, raw, false);
}

static ALWAYS_INLINE void convert_xbgr2101010(uint32_t *to, const union raw *raw)
{
	convert_2101010(to, raw, true);
}

static ALWAYS_INLINE uint32_t clamp8(int32_t value)
{
	return value < 0 ? 0 : value > 255 ? 255 : (uint32_t)value;
}

/*
 * BT.709, limited range (ITU-R BT.709-6, 3.2 to 3.5), in 16 bits of fraction:
 *	R = 1.164384 (Y - 16)                        + 1.792741 (V - 128)
 *	G = 1.164384 (Y - 16) - 0.213249 (U - 128) - 0.532909 (V - 128)
 *	B = 1.164384 (Y - 16) + 2.112402 (U - 128)
 * Both pixels of a pair take the pair's U and V.
 */
static ALWAYS_INLINE uint32_t yuv_pixel(int32_t y, int32_t u, int32_t v)
{
	int32_t light = (y - 16) * 76309 + 32768;
	uint32_t red = clamp8((light + (v - 128) * 117489) >> 16);
	uint32_t green = clamp8((light - (u - 128) * 13975 - (v - 128) * 34925) >> 16);
	uint32_t blue = clamp8((light + (u - 128) * 138438) >> 16);

	return red << 16 | green << 8 | blue;
}

/* Where each part lies in a pair's four bytes. */
static ALWAYS_INLINE void convert_yuv(
	uint32_t *to, const union raw *raw, unsigned y, unsigned u, unsigned v)
{
	for (unsigned i = 0; i < RENDER_TILE / 2; i++) {
		const uint8_t *pair = raw->bytes + (size_t)i * 4;

		to[2 * i] = yuv_pixel(pair[y], pair[u], pair[v]);
		to[2 * i + 1] = yuv_pixel(pair[y + 2], pair[u], pair[v]);
	}
}

static ALWAYS_INLINE void convert_yuyv(uint32_t *to, const union raw *raw)
{
	convert_yuv(to, raw, 0, 1, 3);
}

static ALWAYS_INLINE void convert_yvyu(uint32_t *to, const union raw *raw)
{
	convert_yuv(to, raw, 0, 3, 1);
}

static ALWAYS_INLINE void convert_uyvy(uint32_t *to, const union raw *raw)
{
	convert_yuv(to, raw, 1, 0, 2);
}

static ALWAYS_INLINE void convert_vyuy(uint32_t *to, const union raw *raw)
{
	convert_yuv(to, raw, 1, 2, 0);
}

static ALWAYS_INLINE void update_converted(uint32_t *to, const uint8_t *from, uint32_t width,
	uint8_t *marks, unsigned bytes, bool pairs,
	void (*convert)(uint32_t *to, const union raw *raw))
{
	union raw raw = {0};
	uint32_t pixels[RENDER_TILE];

	while (width) {
		uint32_t part = width < RENDER_TILE ? width : RENDER_TILE;

		/* An odd width's last pixel needs the whole of its pair. */
		memcpy(raw.bytes, from, (size_t)(pairs ? (part + 1) & ~1u : part) * bytes);
		SETTLE(&raw);
		convert(pixels, &raw);
		*marks++ |= update_part(to, (const uint8_t *)pixels, part, false);
		to += part;
		from += (size_t)part * bytes;
		width -= part;
	}
}

#define CONVERTED(name, bytes, pairs)                                                             \
	static void row_##name(uint32_t *to, const uint8_t *from, uint32_t width, uint8_t *marks) \
	{                                                                                         \
		update_converted(to, from, width, marks, bytes, pairs, convert_##name);           \
	}

CONVERTED(rgb565, 2, false)
CONVERTED(xrgb2101010, 4, false)
CONVERTED(xbgr2101010, 4, false)
CONVERTED(yuyv, 2, true)
CONVERTED(yvyu, 2, true)
CONVERTED(uyvy, 2, true)
CONVERTED(vyuy, 2, true)

tile_row tile_row_plain(uint32_t fourcc)
{
	switch (fourcc) {
	case DRM_FORMAT_XRGB8888:
	case DRM_FORMAT_ARGB8888:
		return row_xrgb8888;
	case DRM_FORMAT_XBGR8888:
	case DRM_FORMAT_ABGR8888:
		return row_xbgr8888;
	case DRM_FORMAT_RGB565:
		return row_rgb565;
	case DRM_FORMAT_XRGB2101010:
		return row_xrgb2101010;
	case DRM_FORMAT_XBGR2101010:
		return row_xbgr2101010;
	case DRM_FORMAT_YUYV:
		return row_yuyv;
	case DRM_FORMAT_YVYU:
		return row_yvyu;
	case DRM_FORMAT_UYVY:
		return row_uyvy;
	case DRM_FORMAT_VYUY:
		return row_vyuy;
	default:
		return NULL;
	}
}

tile_row tile_row_of(uint32_t fourcc)
{
	tile_row plain = tile_row_plain(fourcc);

#ifdef __x86_64__
	if (__builtin_cpu_supports("avx2")) {
		if (plain == row_xrgb8888) {
			return row_xrgb8888_avx2;
		}
		if (plain == row_xbgr8888) {
			return row_xbgr8888_avx2;
		}
	}
#endif
	return plain;
}

/*
 * The order of the walk. Whole lines are fastest, but a tile is then read over the time of 64 lines
 * of the picture, and tears the more; tile by tile tears least, but runs of 256 bytes defeat the
 * prefetcher (twice the time of a memcmp). Groups of eight tiles, runs of 2 KB, cost a fifth more
 * than whole lines and read a tile in a quarter of their time.
 */
#define GROUP 8

static void scan_band(struct snapshot *snapshot, uint32_t top, uint32_t height, const uint8_t *from,
	size_t from_stride, const struct format *format, tile_row update, uint8_t *marks)
{
	for (uint32_t x = 0; x < snapshot->width; x += GROUP * RENDER_TILE) {
		uint32_t *to = snapshot->pixels + (size_t)top * snapshot->width + x;
		const uint8_t *row = from + (size_t)x * format->bytes;
		uint32_t width = snapshot->width - x;

		if (width > GROUP * RENDER_TILE) {
			width = GROUP * RENDER_TILE;
		}
		for (uint32_t y = 0; y < height; y++) {
			update(to, row, width, marks + x / RENDER_TILE);
			to += snapshot->width;
			row += from_stride;
		}
	}
}

uint64_t tile_scan(struct snapshot *snapshot, const uint8_t *from, size_t from_stride,
	const struct format *format, tile_row update, uint8_t *marks)
{
	uint32_t tiles = damage_tiles(snapshot->width);
	uint64_t dirty = 0;

	for (uint32_t y = 0; y < snapshot->height; y += RENDER_TILE) {
		uint32_t height = snapshot->height - y;

		if (height > RENDER_TILE) {
			height = RENDER_TILE;
		}
		memset(marks, 0, tiles);
		scan_band(snapshot, y, height, from + (size_t)y * from_stride, from_stride, format,
			update, marks);
		for (uint32_t i = 0; i < tiles; i++) {
			dirty += marks[i];
		}
		marks += tiles;
	}
	return dirty;
}
