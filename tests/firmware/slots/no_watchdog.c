// SPDX-License-Identifier: Apache-2.0
// For host programs that link slots: there is no watchdog to feed.
#include "hal/wdt.h"

void hal_wdt_feed(void) {
}
