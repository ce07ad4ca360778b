// SPDX-License-Identifier: Apache-2.0
// Makes the crash record whole after the CPU's fault entry has kept the registers.
#include "os/panic.h"
#include "crc/crc32.h"
#include "hal/arch.h"
#include "os/time.h"
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct hal_fault) == 164, "a stored format");
_Static_assert(sizeof(struct crash_record) == 492, "a stored format");
_Static_assert(RETAINED_CRASH_OFFSET + sizeof(struct crash_record) + 256 <= RETAINED_BYTES_MIN,
               "the fault stack lies behind the record");

static struct crash_record *record(void) {
    return (struct crash_record *)(hal_retained + RETAINED_CRASH_OFFSET);
}

static uint32_t record_crc(void) {
    return crc32(0, record(), offsetof(struct crash_record, crc));
}

static bool inside(uintptr_t at, const uint8_t *start, const uint8_t *end) {
    return at >= (uintptr_t)start && at < (uintptr_t)end;
}

static void copy_stack(struct crash_record *r) {
    uintptr_t at = r->fault.sp & ~(uintptr_t)(sizeof(uintptr_t) - 1);
    if (!inside(at, hal_stack_start, hal_stack_end)) {
        at = (uintptr_t)hal_stack_start; // after an overflow the deepest words are the tale
    }
    for (uint32_t i = 0; i < CRASH_STACK_WORDS; i++, at += sizeof(uintptr_t)) {
        r->stack[i] = at < (uintptr_t)hal_stack_end ? *(const uint32_t *)at : 0;
    }
}

// The text is a literal of this image; anything else is not read.
static void copy_message(struct crash_record *r) {
    bool panic = r->fault.kind == HAL_FAULT_PANIC;
    uintptr_t at = r->fault.regs[r->fault.arch == HAL_ARCH_ARMV7M ? 0 : 10];
    uint32_t i = 0;
    if (panic && inside(at, hal_body_start, hal_body_end)) {
        for (const char *text = (const char *)at; i < CRASH_MESSAGE_BYTES - 1 && text[i]; i++) {
            r->message[i] = text[i];
        }
    }
    r->message[i] = '\0';
}

_Noreturn void hal_fault(struct hal_fault *f) {
    struct crash_record *r = record();
    hal_reset_cause_set(f->kind == HAL_FAULT_WATCHDOG ? RESET_WATCHDOG : RESET_PANIC);
    r->magic = CRASH_MAGIC;
    r->size = sizeof(*r);
    r->version = CRASH_VERSION;
    r->slot_base = (uint32_t)(uintptr_t)hal_body_start - CRASH_BODY_OFFSET;
    r->uptime_ms = os_now_ms();
    memcpy(r->build_id, hal_build_id, sizeof(r->build_id));
    copy_message(r);
    copy_stack(r);
    r->crc = record_crc();
    hal_reset_now();
}

const struct crash_record *os_last_crash(void) {
    const struct crash_record *r = record();
    bool valid = r->magic == CRASH_MAGIC && r->version == CRASH_VERSION && r->crc == record_crc();
    return valid ? r : NULL;
}

void os_last_crash_clear(void) {
    record()->magic = 0;
}
