// SPDX-License-Identifier: Apache-2.0
// What touches private keys: p256-m as its authors made it, in constant time also where the
// processor's long multiplication is not (Cortex-M3).
#include "p256m.h"

#include "crypto/p256.h"
#include "hal/err.h"
#include <string.h>

int p256_ecdh(uint8_t z[32], const uint8_t priv[32], const uint8_t pub[64]) {
    if (p256_ecdh_shared_secret(z, priv, pub) != P256_SUCCESS) {
        memset(z, 0, 32);
        return ERR_RANGE;
    }
    return 0;
}
