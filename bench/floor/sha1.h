/* SHA-1 (RFC 3174) of a short text, for the WebSocket handshake only. */
#ifndef CHANNELSHIM_BENCH_SHA1_H
#define CHANNELSHIM_BENCH_SHA1_H

#include <stdint.h>
#include <string.h>

static inline uint32_t sha1_rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }

static inline void sha1_block(uint32_t h[5], const unsigned char *block) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int t = 0; t < 16; t++)
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    for (int t = 16; t < 80; t++) w[t] = sha1_rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (int t = 0; t < 80; t++) {
        uint32_t f, k;
        if (t < 20) f = (b & c) | (~b & d), k = 0x5A827999;
        else if (t < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
        else if (t < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
        else f = b ^ c ^ d, k = 0xCA62C1D6;
        uint32_t next = sha1_rotate(a, 5) + f + e + k + w[t];
        e = d, d = c, c = sha1_rotate(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

/* At most 119 bytes: two blocks. */
static inline void sha1(const char *text, size_t bytes, unsigned char digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    unsigned char padded[128] = {0};
    size_t blocks = bytes < 56 ? 1 : 2;
    memcpy(padded, text, bytes);
    padded[bytes] = 0x80;
    padded[blocks * 64 - 2] = (unsigned char)(bytes * 8 >> 8);
    padded[blocks * 64 - 1] = (unsigned char)(bytes * 8);
    for (size_t i = 0; i < blocks; i++) sha1_block(h, padded + 64 * i);
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

#endif
