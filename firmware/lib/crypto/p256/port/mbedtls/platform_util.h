// SPDX-License-Identifier: Apache-2.0
// What p256-m.c needs of Mbed TLS's header of this name; see p256m.h.
#pragma once
#include <stddef.h>

static inline void mbedtls_platform_zeroize(void *data, size_t size) {
    volatile unsigned char *p = data;
    while (size-- > 0) {
        *p++ = 0;
    }
}
