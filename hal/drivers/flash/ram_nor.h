// SPDX-License-Identifier: Apache-2.0
// RAM that an emulator keeps in a file, used as NOR flash: erases to 0xFF, only clears bits.
#pragma once
#include "hal/flash.h"

extern const struct hal_flash_ops ram_nor_ops; // any struct hal_flash whose erased_value is 0xFF
