// SPDX-License-Identifier: Apache-2.0
// Milliseconds without a 64-bit division: by what passed since the last call.
#include "os/time.h"
#include "hal/timer.h"

uint32_t os_now_ms(void) {
    static uint32_t last_us, now_ms;
    uint32_t passed_ms = ((uint32_t)hal_timer_us() - last_us) / 1000;
    last_us += passed_ms * 1000;
    return now_ms += passed_ms;
}

uint64_t os_uptime_us(void) {
    return hal_timer_us();
}
