// SPDX-License-Identifier: Apache-2.0
// Full check of the image in a slot, by the bootloader at every start and by whoever installs.
#pragma once
#include <stdbool.h>

#include "hal/language.h"
#include "image/image.h"
#include "slots/trust.h"

C_BEGIN

struct slot_policy {
    const struct hal_layout *layout;
    const struct boot_params *params;
    const struct keyset *keys;
    uint32_t floor;
    bool development; // the device may run images by development keys
};

// 0: whole, for this device, not below the floor, signed by a key of the set, and it runs from
// this slot. ERR_FORMAT, ERR_UNSUPPORTED, ERR_NO_SPACE (longer than the slot), ERR_IDENTITY,
// ERR_ROLLBACK, ERR_SLOT_BOUND, ERR_RELOCATION, ERR_DIGEST, ERR_SIGNATURE; of the flash ERR_ECC,
// ERR_ERASED.
// `out` is filled as far as it came; out->digest counts only after 0.
int slot_check(const struct slot_policy *policy, int slot, struct image_info *out);

// CPU address of a slot's header.
uintptr_t slot_address(const struct hal_layout *layout, int slot);

C_END
