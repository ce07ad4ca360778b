// SPDX-License-Identifier: Apache-2.0
// Armv7-M: vectors, from reset to hal_main. Not the faults (fault.c).
#include "armv7m.h"
#include "hal/arch.h"

extern uint32_t hal_ramtext_start[], hal_data_end[], hal_bss_end[];
extern const uint32_t hal_data_load[];
extern uint8_t hal_reloc_offset[], hal_build_id_offset[]; // absolute, from the linker script

_Noreturn void hal_reset_entry(const struct handover *handover);

// Interrupts stay masked and have no handlers, so the table ends here. Three reserved words hold
// what FORMAT.md section 2 wants at +0x20.
__attribute__((section(".head"), used)) static const void *const vectors[16] = {
    hal_stack_end,
    hal_reset_entry,
    [2] = hal_fault_entry, // NMI: the watchdog
    [3] = hal_fault_entry,
    [4] = hal_fault_entry,
    [5] = hal_fault_entry,
    [6] = hal_fault_entry,
    [8] = (const void *)0x434F4C52, // "RLOC"
    [9] = hal_reloc_offset,
    [10] = hal_build_id_offset,
    [11] = hal_fault_entry,
    [12] = hal_fault_entry,
    [14] = hal_fault_entry,
    [15] = hal_fault_entry,
};

// Bursts of 16 bytes: the linker script pads the sections. Four times as fast as word by word.
static inline void copy_data(void) {
    uint32_t *to = hal_ramtext_start;
    const uint32_t *from = hal_data_load;
    __asm__ volatile("b 2f\n"
                     "1: ldmia %1!, {r4-r7}\n"
                     "stmia %0!, {r4-r7}\n"
                     "2: cmp %0, %2\n"
                     "bcc 1b"
                     : "+r"(to), "+r"(from)
                     : "r"(hal_data_end)
                     : "r4", "r5", "r6", "r7", "memory", "cc");
}

static inline void clear_bss(void) {
    uint32_t *to = hal_data_end;
    __asm__ volatile("movs r4, #0\n"
                     "movs r5, #0\n"
                     "movs r6, #0\n"
                     "movs r7, #0\n"
                     "b 2f\n"
                     "1: stmia %0!, {r4-r7}\n"
                     "2: cmp %0, %1\n"
                     "bcc 1b"
                     : "+r"(to)
                     : "r"(hal_bss_end)
                     : "r4", "r5", "r6", "r7", "memory", "cc");
}

_Noreturn void hal_reset_entry(const struct handover *handover) {
    __asm__ volatile("cpsid i" ::: "memory");
    copy_data();
    clear_bss();
    hal_main(handover);
}
