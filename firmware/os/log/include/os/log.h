// SPDX-License-Identifier: Apache-2.0
// Log lines on the console.
#pragma once
#include "hal/language.h"

C_BEGIN

// One line, "[ssss.mmm] " in front, CR LF behind. Knows %u %d %x %c %s %%, widths, leading zeros
// and an `l` that changes nothing: every argument is 32 bits.
#define LOG(...) os_log(__VA_ARGS__)

void os_log(const char *format, ...);

C_END
