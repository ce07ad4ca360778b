// SPDX-License-Identifier: Apache-2.0
// RISC-V: the PMP. Code read-only, data never executable, null page and stack end trap.
#include "csr.h"
#include "hal/arch.h"
#include "layout.h"

extern uint8_t hal_ramtext_start[], hal_ramtext_end[];

// Privileged 1.12, 3.7.1. Machine mode obeys locked entries only, and what no entry matches is
// allowed to it, so the last one denies everything.
enum {
    R = 1,
    W = 2,
    X = 4,
    TOR = 1 << 3, // from the entry before to this one
    NAPOT = 3 << 3,
    LOCKED = 1 << 7,
    NONE = LOCKED | TOR,
    READ_WRITE = LOCKED | TOR | R | W,
    CODE = LOCKED | TOR | R | X,
    NOTHING = LOCKED | NAPOT,
    NULL_PAGE_BYTES = 0x1000,
    GUARD_BYTES = 0x1000,
    PAGE_BYTES = 0x1000,
};
#define PACK(a, b, c, d)                                                                           \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

_Static_assert(LAYOUT_FLASH_BASE < LAYOUT_RAM_BASE, "the entries below go upwards");
_Static_assert(LAYOUT_DEVICES_SIZE == 0, "all devices lie below RAM, where they are in reach");

// Entries 0 to 3 and 4 to 7 alike. With 64 bits one register holds all eight, and pmpcfg1 is none.
static void configure_first_eight(uint32_t four) {
    if (sizeof(uintptr_t) == 8) {
        CSR_WRITE(pmpcfg0, (uintptr_t)((uint64_t)four << 32 | four));
    } else {
        CSR_WRITE(pmpcfg0, (uintptr_t)four);
        CSR_WRITE(pmpcfg1, (uintptr_t)four);
    }
}

void hal_protect(void) {
    // What lies behind the image in its slot may be anybody's.
    uintptr_t code_end = ((uintptr_t)hal_body_end + PAGE_BYTES - 1) & ~(uintptr_t)(PAGE_BYTES - 1);
    uintptr_t slot = (uintptr_t)hal_body_start - LAYOUT_BODY_OFFSET;
    CSR_WRITE(pmpaddr0, NULL_PAGE_BYTES >> 2);
    CSR_WRITE(pmpaddr1, slot >> 2); // devices, flash before the slot
    CSR_WRITE(pmpaddr2, code_end >> 2);
    CSR_WRITE(pmpaddr3, (LAYOUT_RAM_BASE - GUARD_BYTES) >> 2); // flash behind the slot, PCI
    CSR_WRITE(pmpaddr4, LAYOUT_RAM_BASE >> 2);
    CSR_WRITE(pmpaddr5, (uintptr_t)hal_ramtext_start >> 2); // stack
    CSR_WRITE(pmpaddr6, (uintptr_t)hal_ramtext_end >> 2);
    CSR_WRITE(pmpaddr7, (LAYOUT_RAM_BASE + LAYOUT_RAM_SIZE + LAYOUT_RETAINED_SIZE) >> 2);
    CSR_WRITE(pmpaddr8, ~(uintptr_t)0);
    configure_first_eight(PACK(NONE, READ_WRITE, CODE, READ_WRITE));
    CSR_WRITE(pmpcfg2, PACK(NOTHING, 0, 0, 0));
}
