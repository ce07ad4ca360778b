// SPDX-License-Identifier: Apache-2.0
// Watchdog of Intel's 6300ESB I/O controller hub (300641, chapter 17), as a PCI device.
#pragma once
#include "hal/wdt.h"

struct hal_wdt {
    uintptr_t config; // the device's configuration space, where the CPU sees it
    uintptr_t memory; // 16 bytes of PCI memory that it may have
};
