// SPDX-License-Identifier: Apache-2.0
// What every CPU must offer: masking, reset, the jump into an image, faults, code in RAM.
#pragma once
#include "hal/fault.h"
#include "hal/language.h"
#include "hal/retained.h"
#include <stddef.h>
#include <stdint.h>

C_BEGIN

// A function that is copied to RAM at start and runs there, for code that must not be fetched from
// flash. It must not call into flash, and nor may what the compiler makes of it (memcpy, division).
#define RAM_FUNCTION __attribute__((section(".ramtext"), noinline))

// First C code, after .data and .bss; interrupts masked. The image defines it (os/base, or boot,
// which gets no handover).
NORETURN void hal_main(const struct handover *handover);

// From here on code is read-only, data never executable, and null page and stack end trap, where
// the core can. For images; what it sets lasts until reset.
void hal_protect(void);

// Mask interrupts; returns what hal_irq_unlock needs to restore the state. Nests.
uint32_t hal_irq_lock(void);
void hal_irq_unlock(uint32_t state);

// Write the reset cause to retained RAM and reset the whole board.
NORETURN void hal_reset(enum reset_reason reason);

// The two halves of hal_reset.
void hal_reset_cause_set(enum reset_reason reason);
NORETURN void hal_reset_now(void);

// Read and clear the cause of the last reset; RESET_POWER_ON if nobody wrote one. Only boot does.
enum reset_reason hal_reset_cause_take(void);

// Start the image whose body lies at `body`, by the entry ABI: interrupts masked, watchdog as it
// is, vectors and stack set, first argument = `handover`.
NORETURN void hal_jump(uintptr_t body, const struct handover *handover);

// First byte of retained RAM (offsets in hal/retained.h) and the byte behind the last.
extern uint8_t hal_retained[] __attribute__((aligned(16))), hal_retained_end[];

// Main stack; it grows down, and writing below hal_stack_start faults.
extern uint8_t hal_stack_start[], hal_stack_end[];

// RAM that nothing else uses: from the end of .bss to the start of retained RAM.
extern uint8_t hal_heap_start[], hal_heap_end[];

// This image: its body in flash and its build id. In the bootloader: the bootloader's own.
extern const uint8_t hal_body_start[], hal_body_end[], hal_build_id[20];

// The image defines it; called on a stack of its own at the end of retained RAM (at least 256
// bytes), interrupts masked. `f` lies at hal_retained + RETAINED_CRASH_OFFSET. A fault in it
// resets.
NORETURN void hal_fault(struct hal_fault *f);

C_END
