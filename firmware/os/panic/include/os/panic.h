// SPDX-License-Identifier: Apache-2.0
// What happens when something that cannot happen does: a record in retained RAM, then a reset.
#pragma once
#include "hal/fault.h"
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

// _Noreturn void os_panic(const char *message): stop here; keep registers, stack and `message` (its
// first 31 characters), reset as RESET_PANIC. A macro, so that the record's pc is the caller's
// line.
#define os_panic(message) hal_trap_panic(message)

// Programmer's mistakes: a trap instruction, which the fault handler knows as HAL_FAULT_ASSERT. The
// record's pc is the line; no text is stored in the image.
#define ASSERT(condition) ((condition) ? (void)0 : __builtin_trap())

enum {
    CRASH_MAGIC = 0x48535243, // "CRSH"
    CRASH_VERSION = 1,
    CRASH_STACK_WORDS = 64,
    CRASH_MESSAGE_BYTES = 32,
    CRASH_BODY_OFFSET = 0x200, // from the slot's base to the image's body
};

// At hal_retained + RETAINED_CRASH_OFFSET. A stored format: docs/flash.md.
struct crash_record {
    struct hal_fault fault; // 164 B: registers, status, pc, lr, sp, kind, architecture
    uint32_t magic;
    uint16_t size; // of this struct, 492
    uint16_t version;
    uint32_t slot_base; // CPU address of the slot's header; addresses are as they were there
    uint32_t uptime_ms;
    uint8_t build_id[20];
    char message[CRASH_MESSAGE_BYTES]; // zero-terminated; empty unless kind is HAL_FAULT_PANIC
    // Machine words from sp upwards, the lower halves of 64 bits; zeros beyond the stack's end.
    uint32_t stack[CRASH_STACK_WORDS];
    uint32_t crc; // CRC-32 (IEEE) of the bytes before
};

// The record that the last crash left, or null: of an earlier start, of this image or another.
// It stays until os_last_crash_clear, the next panic or power-off.
const struct crash_record *os_last_crash(void);
void os_last_crash_clear(void);

C_END
