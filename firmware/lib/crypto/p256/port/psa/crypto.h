// SPDX-License-Identifier: Apache-2.0
// What p256-m.c needs of Mbed TLS's header of this name; see p256m.h.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Nothing here generates keys or signs, so no randomness is to be had: -1, no enum err.
static inline int psa_generate_random(uint8_t *out, size_t size) {
    (void)out;
    (void)size;
    return -1;
}
