// SPDX-License-Identifier: Apache-2.0
// CFI NOR with the Intel command set, two 16-bit chips side by side in each bank.
#pragma once
#include "hal/flash.h"

enum { CFI_NOR_BUFFER_BYTES = 4096 };

extern const struct hal_flash_ops cfi_nor_ops; // program_bytes 4, erased_value 0xFF
