// SPDX-License-Identifier: Apache-2.0
// Armv7-M: the MPU. Code read-only, data never executable, null page and stack end trap.
#include "armv7m.h"
#include "hal/arch.h"
#include "layout.h"

extern uint8_t hal_ramtext_start[], hal_ramtext_rasr[], hal_code_rasr[]; // from the linker script

// RBAR: base | VALID | number; RASR: XN | AP | TEX S C B | size | enable (DDI 0403E B3.5.8-9).
// The higher number wins. What no region covers traps.
enum {
    VALID = 1 << 4,
    NO_EXECUTE = 1 << 28,
    READ_WRITE = 3 << 24,
    READ_ONLY = 6 << 24,
    NORMAL = 6 << 16, // write-through, shared
    FLASH = 2 << 16,
    DEVICE = 5 << 16,
    NULL_PAGE_BYTES = 1024,
    RAM_BYTES = LAYOUT_RAM_SIZE + LAYOUT_RETAINED_SIZE,
};
#define SIZE_OF(bytes) ((__builtin_ctz(bytes) - 1) << 1 | 1)
#define IS_REGION(base, bytes) (((bytes) & ((bytes) - 1)) == 0 && ((base) & ((bytes) - 1)) == 0)

_Static_assert(IS_REGION(LAYOUT_FLASH_BASE, LAYOUT_FLASH_SIZE), "flash is no MPU region");
_Static_assert(IS_REGION(LAYOUT_FLASH_BASE + LAYOUT_SLOT_A_OFFSET, LAYOUT_SLOT_A_SIZE), "slot A");
_Static_assert(IS_REGION(LAYOUT_FLASH_BASE + LAYOUT_SLOT_B_OFFSET, LAYOUT_SLOT_B_SIZE), "slot B");
_Static_assert(IS_REGION(LAYOUT_RAM_BASE, RAM_BYTES), "RAM is no MPU region");
_Static_assert(IS_REGION(LAYOUT_BOOT_BASE, LAYOUT_BOOT_SIZE), "boot memory is no MPU region");

static const uint32_t regions[16] = {
    LAYOUT_FLASH_BASE | VALID | 0, // written by the update agent
    NO_EXECUTE | READ_WRITE | FLASH | SIZE_OF(LAYOUT_FLASH_SIZE),
    (uintptr_t)hal_body_start - LAYOUT_BODY_OFFSET + (VALID | 1), // the running image
    (uintptr_t)hal_code_rasr,
    LAYOUT_RAM_BASE | VALID | 2, // nothing is mapped below the stack at its base
    NO_EXECUTE | READ_WRITE | NORMAL | SIZE_OF(RAM_BYTES),
    0x40000000 | VALID | 3, // peripherals, 512 MiB by the architecture
    NO_EXECUTE | READ_WRITE | DEVICE | SIZE_OF(1U << 29),
    LAYOUT_BOOT_BASE | VALID | 4, // boot_params
    NO_EXECUTE | READ_ONLY | FLASH | SIZE_OF(LAYOUT_BOOT_SIZE),
    0x00000000 | VALID | 5, // null page: no access
    NO_EXECUTE | FLASH | SIZE_OF(NULL_PAGE_BYTES),
    (uintptr_t)hal_ramtext_start + (VALID | 6),
    (uintptr_t)hal_ramtext_rasr,
    LAYOUT_DEVICES_BASE | VALID | 7, // devices outside the peripherals' range
    LAYOUT_DEVICES_SIZE > 0 ? NO_EXECUTE | READ_WRITE | DEVICE | SIZE_OF(LAYOUT_DEVICES_SIZE) : 0,
};

// Four pairs per burst by the register aliases.
void hal_protect(void) {
    const uint32_t *from = regions;
    uint32_t to = MPU_RBAR;
    __asm__ volatile("ldmia %0!, {r4-r7}\n"
                     "stmia %1!, {r4-r7}\n"
                     "ldmia %0!, {r4-r7}\n"
                     "stmia %1, {r4-r7}\n"
                     "subs %1, #16\n"
                     "ldmia %0!, {r4-r7}\n"
                     "stmia %1!, {r4-r7}\n"
                     "ldmia %0!, {r4-r7}\n"
                     "stmia %1, {r4-r7}\n"
                     "movs r4, #1\n"
                     "str r4, [%1, #-24]\n" // MPU_CTRL
                     "dsb\n"
                     "isb"
                     : "+r"(from), "+r"(to)
                     :
                     : "r4", "r5", "r6", "r7", "memory", "cc");
}
