// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 over whole words.
#include "siphash.h"

static uint64_t rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

static void turn(uint64_t v[4], unsigned rounds) {
    while (rounds-- > 0) {
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    turn(v, 2);
    v[0] ^= word;
}

uint64_t siphash(const uint64_t key[2], const uint64_t *words, uint32_t n) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                     key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
    for (uint32_t i = 0; i < n; i++) {
        absorb(v, words[i]);
    }
    absorb(v, (uint64_t)(n * 8) << 56); // the length, in the last word's highest byte
    v[2] ^= 0xFF;
    turn(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}
