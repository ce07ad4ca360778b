// SPDX-License-Identifier: Apache-2.0
// One line about the crash before this start, in the form that `unitool monitor` decodes.
#include "log.h"
#include "os/boot.h"
#include "os/log.h"
#include "os/panic.h"
#include <stdbool.h>
#include <stddef.h>

enum { REPORTED_STACK_WORDS = 16 };

int os_log_report(void);

// The record is of the reset just before this start; an older one was reported then.
static const struct crash_record *fresh_crash(void) {
    const struct crash_record *r = os_last_crash();
    const struct handover *h = os_handover();
    if (r == NULL || h->magic == 0) {
        return r;
    }
    bool watchdog = r->fault.kind == HAL_FAULT_WATCHDOG;
    return h->reset_reason == (watchdog ? RESET_WATCHDOG : RESET_PANIC) ? r : NULL;
}

static void put_reason(const struct crash_record *r) {
    const struct hal_fault *f = &r->fault;
    if (f->kind == HAL_FAULT_CPU) {
        if (sizeof(uintptr_t) > sizeof(f->status[2]) && f->status[1] != 0) {
            log_part("fault %x 0 %x at %x%08x", f->status[0], f->status[3], f->status[1],
                     f->status[2]);
        } else {
            log_part("fault %x %x %x at %08x", f->status[0], f->status[1], f->status[3],
                     f->status[2]);
        }
    } else {
        log_part("%s", f->kind == HAL_FAULT_PANIC    ? r->message
                       : f->kind == HAL_FAULT_ASSERT ? "assert"
                                                     : "watchdog");
    }
}

int os_log_report(void) {
    const struct crash_record *r = fresh_crash();
    if (r == NULL) {
        return 0;
    }
    log_part("panic: ");
    put_reason(r);
    log_part(" pc=%08x lr=%08x sp=%08x base=%08x build=", r->fault.pc, r->fault.lr, r->fault.sp,
             r->slot_base);
    for (size_t i = 0; i < sizeof(r->build_id); i++) {
        log_part("%02x", r->build_id[i]);
    }
    for (size_t i = 0; i < REPORTED_STACK_WORDS; i++) {
        log_part(i == 0 ? " stack=%08x" : ",%08x", r->stack[i]);
    }
    log_part("\r\n");
    return 0;
}
