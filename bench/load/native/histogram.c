#include "viewers.h"

#include <string.h>

// 128 steps for each power of two: a bucket's middle is at most 0.4 % away from what is in it.
#define STEP_BITS 7
#define STEPS (1 << STEP_BITS)

static uint64_t buckets[STEPS * (64 - STEP_BITS + 1)];
static uint64_t count;
static uint64_t early;
static int64_t largest;

void histogram_reset(void) {
  memset(buckets, 0, sizeof buckets);
  count = early = 0;
  largest = 0;
}

void histogram_add(int64_t value) {
  // Two clocks are compared. Where they differ by more than a message takes, the figures are worth nothing.
  if (value < 0) early += 1, value = 0;
  int shift = value < 2 * STEPS ? 0 : 63 - __builtin_clzll((uint64_t)value) - STEP_BITS;
  buckets[shift * STEPS + (value >> shift)] += 1;
  count += 1;
  if (value > largest) largest = value;
}

uint64_t histogram_count(void) { return count; }

uint64_t histogram_early(void) { return early; }

int64_t histogram_max(void) { return largest; }

double histogram_quantile(double quantile) {
  uint64_t rank = (uint64_t)(quantile * (double)count);
  uint64_t seen = 0;
  for (size_t index = 0; index < sizeof buckets / sizeof *buckets; index += 1) {
    seen += buckets[index];
    if (seen <= rank) continue;
    if (index < 2 * STEPS) return (double)index;
    int shift = (int)(index / STEPS) - 1;
    double low = (double)((uint64_t)(STEPS + index % STEPS) << shift);
    return low + (double)(1ULL << shift) / 2;
  }
  return (double)largest;
}
