// SPDX-License-Identifier: Apache-2.0
// ECDSA signatures from DER (RFC 3279: SEQUENCE of two INTEGERs), strictly.
#include "crypto/p256.h"
#include "hal/err.h"
#include <stdbool.h>
#include <string.h>

enum { TAG_INTEGER = 0x02, TAG_SEQUENCE = 0x30 };

static const uint8_t group_order[32] = {
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
};

// Reads one INTEGER in 1..n-1 from the start of the `size` bytes at `der`. Its bytes there, or an
// error.
static int read_integer(uint8_t number[32], const uint8_t *der, size_t size) {
    if (size < 3 || der[0] != TAG_INTEGER || der[1] == 0 || der[1] > size - 2 || der[2] >= 0x80) {
        return ERR_FORMAT; // short, empty or negative
    }
    const uint8_t *digits = der + 2;
    size_t n = der[1];
    if (digits[0] == 0) {
        digits++;
        n--;
        if (n == 0 || digits[0] < 0x80) {
            return ERR_FORMAT; // zero, or a leading zero that nothing calls for
        }
    }
    if (n > 32) {
        return ERR_FORMAT;
    }
    memset(number, 0, 32 - n);
    memcpy(number + 32 - n, digits, n);
    if (memcmp(number, group_order, 32) >= 0) {
        return ERR_FORMAT;
    }
    return 2 + der[1];
}

int p256_from_der(uint8_t sig[64], const uint8_t *der, size_t size) {
    if (size < 8 || size > 72 || der[0] != TAG_SEQUENCE || der[1] != size - 2) {
        return ERR_FORMAT;
    }
    size_t at = 2;
    for (unsigned i = 0; i < 2; i++) {
        int n = read_integer(sig + 32 * i, der + at, size - at);
        if (n < 0) {
            return n;
        }
        at += (size_t)n;
    }
    return at == size ? 0 : ERR_FORMAT;
}
