// SPDX-License-Identifier: Apache-2.0
// Time since start.
#pragma once
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

// Milliseconds since start. Wraps after 49 days: compare by difference, (int32_t)(a - b) < 0.
uint32_t os_now_ms(void);

// Microseconds since start.
uint64_t os_uptime_us(void);

C_END
