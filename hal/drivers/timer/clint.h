// SPDX-License-Identifier: Apache-2.0
// What the PLIC's driver needs of the CLINT besides hal/timer.h.
#pragma once
#include <stdint.h>

// Make the timer interrupt pending in `us` microseconds (at most 2^28), and not before.
void clint_alarm_in(uint32_t us);
