// SPDX-License-Identifier: Apache-2.0
// Armv7-M: every fault and the watchdog's NMI end here, registers kept in retained RAM.
#include "armv7m.h"
#include "hal/arch.h"

enum {
    UDF_ASSERT = 0xDEFF, // what __builtin_trap compiles to
    UDF_PANIC = 0xDE01,  // hal_trap_panic
    CFSR_NOT_STACKED = 1 << 4 | 1 << 12,
    CFSR_UNDEFINED = 1 << 16,
    CFSR_BFAR_VALID = 1 << 15,
    EXCEPTION_NMI = 2,
    FRAME_WORDS = 8,
};

// Offset of regs[13] in retained RAM: the push below fills regs[0..12].
_Static_assert(RETAINED_CRASH_OFFSET + 13 * 4 == 180, "the assembly below has the number");

// The stack pointer may be anything, so nothing is pushed to it; lr is only EXC_RETURN here.
__attribute__((naked, used)) void hal_fault_entry(void) {
    __asm__ volatile("mov lr, sp\n"
                     "ldr sp, =hal_retained + 180\n"
                     "push {r0-r12}\n"
                     "ldr sp, =hal_retained_end\n"
                     "mov r0, lr\n"
                     "b hal_fault_gather\n"
                     ".ltorg");
}

// noipa: the message must really be passed in r0, from where it goes into the record.
__attribute__((naked, noipa)) _Noreturn void hal_trap_panic(__attribute__((unused))
                                                            const char *message) {
    __asm__ volatile("udf #1");
}

// What the opcode at `pc` says; only code of this image is read.
static uint32_t kind_of(uint32_t cfsr, uint32_t pc) {
    if (!(cfsr & CFSR_UNDEFINED) || pc < (uintptr_t)hal_body_start ||
        pc >= (uintptr_t)hal_body_end) {
        return HAL_FAULT_CPU;
    }
    uint32_t opcode = *(const uint16_t *)pc;
    return opcode == UDF_PANIC    ? HAL_FAULT_PANIC
           : opcode == UDF_ASSERT ? HAL_FAULT_ASSERT
                                  : HAL_FAULT_CPU;
}

__attribute__((used)) _Noreturn void hal_fault_gather(uint32_t sp) {
    struct hal_fault *f = (struct hal_fault *)(hal_retained + RETAINED_CRASH_OFFSET);
    uint32_t cfsr = reg_read(SCB_CFSR);
    uint32_t exception = reg_read(SCB_ICSR) & 0x1FF;
    f->status[0] = cfsr;
    f->status[1] = reg_read(SCB_HFSR);
    f->status[2] = reg_read(cfsr & CFSR_BFAR_VALID ? SCB_BFAR : SCB_MMFAR);
    f->status[3] = exception;
    uint32_t lr = 0;
    uint32_t pc = 0;
    uint32_t psr = 0;
    uint32_t room = (uintptr_t)hal_stack_end - sp;
    if (!(cfsr & CFSR_NOT_STACKED) && sp >= (uintptr_t)hal_stack_start && room >= FRAME_WORDS * 4) {
        const uint32_t *frame = (const uint32_t *)sp; // B1.5.6
        lr = frame[5];
        pc = frame[6];
        psr = frame[7];
        sp += FRAME_WORDS * 4 + (psr >> 9 & 1) * 4; // bit 9: the frame was aligned
    }
    f->kind = exception == EXCEPTION_NMI ? HAL_FAULT_WATCHDOG : kind_of(cfsr, pc);
    f->pc = f->kind == HAL_FAULT_PANIC ? (lr & ~1U) - 2 : pc; // inside the call
    f->regs[13] = f->sp = sp;
    f->regs[14] = f->lr = lr;
    f->regs[15] = pc;
    f->regs[16] = psr;
    f->arch = HAL_ARCH_ARMV7M;
    hal_fault(f);
}
