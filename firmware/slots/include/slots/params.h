// SPDX-License-Identifier: Apache-2.0
// boot_params: what unitool filled into the bootloader (docs/flash.md).
#pragma once
#include "hal/language.h"

#include <stdint.h>

C_BEGIN

enum { BOOT_PARAMS_BYTES = 1280 };

// Points into the block, which stays where it is. Its policy is left out: whatever it says, every
// start verifies.
struct boot_params {
    const uint8_t *vid;     // 16
    const uint8_t *cid;     // 16
    const uint8_t *fleet;   // 16
    const uint8_t *root[2]; // 64 each, X||Y: primary, spare
    const uint8_t *keyset;
    uint32_t keyset_size;
    uint32_t floor;
};

// ERR_FORMAT: not filled in, or damaged. ERR_UNSUPPORTED: another version.
int boot_params_read(struct boot_params *out, const uint8_t block[BOOT_PARAMS_BYTES]);

C_END
