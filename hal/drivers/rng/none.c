// SPDX-License-Identifier: Apache-2.0
// For boards without a source of true random numbers.
#include "hal/err.h"
#include "hal/rng.h"

int hal_rng_read(void *to, size_t size) {
    (void)to;
    (void)size;
    return ERR_UNSUPPORTED;
}
