// SPDX-License-Identifier: Apache-2.0
// SHA-256 for small processors: eight rounds a turn, so that the eight working variables change
// roles by name and not by moving. The whole schedule of 64 words costs 192 bytes of stack more
// than a ring of 16, and saves a fifth of the instructions.
#include "crypto/sha256.h"
#include <string.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static const uint32_t initial_state[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

ALWAYS_INLINE uint32_t rotate(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

ALWAYS_INLINE uint32_t load_be(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// Round `i` of eight: the working variables a..h are v[0..7] turned by i places. Called with a
// constant i only, so each v[...] is a register. `b_xor_c` saves an operation of maj: it is a ^ b
// of the round before.
ALWAYS_INLINE void one_round(uint32_t v[8], unsigned i, uint32_t input, uint32_t *b_xor_c) {
    uint32_t a = v[(0 - i) & 7], b = v[(1 - i) & 7];
    uint32_t e = v[(4 - i) & 7], f = v[(5 - i) & 7], g = v[(6 - i) & 7];
    uint32_t h = v[(7 - i) & 7];
    h += input + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + (((f ^ g) & e) ^ g);
    v[(3 - i) & 7] += h;
    uint32_t a_xor_b = a ^ b;
    h += (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a_xor_b & *b_xor_c) ^ b);
    *b_xor_c = a_xor_b;
    v[(7 - i) & 7] = h;
}

ALWAYS_INLINE void schedule(uint32_t w[64], const uint8_t block[SHA256_BLOCK_BYTES]) {
    for (unsigned i = 0; i < 16; i++) {
        w[i] = load_be(&block[4 * i]);
    }
    uint32_t x = w[0]; // w[i - 16], read once: it was w[i - 15] in the turn before
    const uint32_t *end = w + 48;
    do {
        uint32_t y = w[1], z = w[14];
        w[16] = x + (rotate(y, 7) ^ rotate(y, 18) ^ y >> 3) + w[9] +
                (rotate(z, 17) ^ rotate(z, 19) ^ z >> 10);
        x = y;
    } while (++w != end);
}

// Not inlined: sha256_update would keep registers that the rounds need.
static __attribute__((noinline)) void compress(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64];
    schedule(w, block);
    uint32_t v[8] = {state[0], state[1], state[2], state[3],
                     state[4], state[5], state[6], state[7]};
    uint32_t b_xor_c = v[1] ^ v[2];
    const uint32_t *x = w, *k = round_constants;
    do {
        one_round(v, 0, k[0] + x[0], &b_xor_c);
        one_round(v, 1, k[1] + x[1], &b_xor_c);
        one_round(v, 2, k[2] + x[2], &b_xor_c);
        one_round(v, 3, k[3] + x[3], &b_xor_c);
        one_round(v, 4, k[4] + x[4], &b_xor_c);
        one_round(v, 5, k[5] + x[5], &b_xor_c);
        one_round(v, 6, k[6] + x[6], &b_xor_c);
        one_round(v, 7, k[7] + x[7], &b_xor_c);
        x += 8;
        k += 8;
    } while (k != round_constants + 64);
    for (unsigned i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}

void sha256_init(struct sha256 *s) {
    memcpy(s->state, initial_state, sizeof s->state);
    s->size = 0;
}

void sha256_update(struct sha256 *s, const void *data, size_t size) {
    const uint8_t *from = data;
    while (size > 0) {
        size_t at = (size_t)s->size % SHA256_BLOCK_BYTES;
        size_t n = SHA256_BLOCK_BYTES - at < size ? SHA256_BLOCK_BYTES - at : size;
        const uint8_t *block = from; // whole blocks are not copied
        if (n < SHA256_BLOCK_BYTES) {
            memcpy(s->block + at, from, n);
            block = s->block;
        }
        if (at + n == SHA256_BLOCK_BYTES) {
            compress(s->state, block);
        }
        s->size += n;
        from += n;
        size -= n;
    }
}

static void store_be(uint8_t *p, uint32_t x) {
    p[0] = (uint8_t)(x >> 24);
    p[1] = (uint8_t)(x >> 16);
    p[2] = (uint8_t)(x >> 8);
    p[3] = (uint8_t)x;
}

void sha256_final(struct sha256 *s, uint8_t out[SHA256_BYTES]) {
    static const uint8_t padding[SHA256_BLOCK_BYTES] = {0x80};
    uint8_t bits[8];
    store_be(bits, (uint32_t)(s->size >> 29));
    store_be(bits + 4, (uint32_t)s->size << 3);
    // 1 to 64 bytes, until 8 are left in the block
    sha256_update(s, padding, 64 - (size_t)(s->size + 8) % 64);
    sha256_update(s, bits, sizeof bits);
    for (unsigned i = 0; i < 8; i++) {
        store_be(out + 4 * i, s->state[i]);
    }
}

void sha256(const void *data, size_t size, uint8_t out[SHA256_BYTES]) {
    struct sha256 s;
    sha256_init(&s);
    sha256_update(&s, data, size);
    sha256_final(&s, out);
}
