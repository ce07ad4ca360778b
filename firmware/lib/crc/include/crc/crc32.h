// SPDX-License-Identifier: Apache-2.0
// CRC-32 as in IEEE 802.3 (reflected 0xEDB88320, initial value and final xor 0xFFFFFFFF).
#pragma once
#include "hal/language.h"

#include <stddef.h>
#include <stdint.h>

C_BEGIN

// CRC of `size` more bytes behind those that gave `crc`; start with 0. crc32(0, "123456789", 9) is
// 0xCBF43926.
uint32_t crc32(uint32_t crc, const void *data, size_t size);

C_END
