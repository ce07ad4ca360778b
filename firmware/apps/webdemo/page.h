// SPDX-License-Identifier: Apache-2.0
// The page at /.
#pragma once
#include <stdint.h>

extern const char page[];
extern const uint32_t page_bytes;
