/* Counts of durations in buckets 1/64 of an octave wide: 1.6 % exact at worst. */
#ifndef CHANNELSHIM_BENCH_HISTOGRAM_H
#define CHANNELSHIM_BENCH_HISTOGRAM_H

#include <stdint.h>
#include <string.h>

enum { HISTOGRAM_SUB = 64, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_SUB };

struct histogram {
    uint64_t total;
    uint64_t count[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint64_t ns) {
    if (ns < HISTOGRAM_SUB) return (unsigned)ns;
    unsigned octave = 63 - (unsigned)__builtin_clzll(ns);
    unsigned sub = (unsigned)((ns >> (octave - 6)) & (HISTOGRAM_SUB - 1));
    return (octave - 5) * HISTOGRAM_SUB + sub;
}

static inline uint64_t histogram_value(unsigned bucket) {
    if (bucket < HISTOGRAM_SUB) return bucket;
    unsigned octave = bucket / HISTOGRAM_SUB + 5, sub = bucket % HISTOGRAM_SUB;
    return ((uint64_t)(HISTOGRAM_SUB + sub) << (octave - 6));
}

static inline void histogram_add(struct histogram *h, uint64_t ns) {
    h->count[histogram_bucket(ns)]++;
    h->total++;
}

static inline void histogram_clear(struct histogram *h) { memset(h, 0, sizeof *h); }

/* The value in milliseconds below which `share` of the counts lie. */
static inline double histogram_ms(const struct histogram *h, double share) {
    if (h->total == 0) return 0;
    uint64_t seen = 0, wanted = (uint64_t)(share * (double)(h->total - 1)) + 1;
    for (unsigned b = 0; b < HISTOGRAM_BUCKETS; b++) {
        seen += h->count[b];
        if (seen >= wanted) return (double)histogram_value(b) / 1e6;
    }
    return 0;
}

#endif
