// SPDX-License-Identifier: Apache-2.0
// QEMU virt: reset through the test finisher. The emulator's supervisor starts the machine anew.
#include "chip/virt/virt.h"
#include "hal/arch.h"

_Noreturn __attribute__((aligned(4))) void hal_reset_now(void) {
    *(volatile uint32_t *)VIRT_FINISHER = 0x7777;
    for (;;) {
    }
}
