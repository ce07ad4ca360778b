// SPDX-License-Identifier: Apache-2.0
// What other components may do better. Without a scheduler nothing follows main, and the watchdog
// is fed; without an update agent nobody can mend what safe mode keeps off.
#include "hal/timer.h"
#include "hal/wdt.h"
#include "os/boot.h"

_Noreturn void os_run(void);

__attribute__((weak)) bool os_rescues(void) {
    return false;
}

__attribute__((weak)) _Noreturn void os_run(void) {
    for (;;) {
        hal_wdt_feed();
        hal_idle_for(HAL_IDLE_US_MAX);
    }
}
