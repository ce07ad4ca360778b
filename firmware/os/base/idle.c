// SPDX-License-Identifier: Apache-2.0
// What follows main in an image without a scheduler: nothing, and the watchdog is fed.
#include "hal/timer.h"
#include "hal/wdt.h"

_Noreturn void os_run(void);

__attribute__((weak)) _Noreturn void os_run(void) {
    for (;;) {
        hal_wdt_feed();
        hal_idle_for(HAL_IDLE_US_MAX);
    }
}
