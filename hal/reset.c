// SPDX-License-Identifier: Apache-2.0
// Reset with a cause in retained RAM (docs/flash.md).
#include "crc/crc32.h"
#include "hal/arch.h"
#include <stdbool.h>

enum { RESET_CAUSE_SIZE = sizeof(struct reset_cause) };
_Static_assert(RESET_CAUSE_SIZE == 16, "a stored format");

static struct reset_cause *cause(void) {
    return (struct reset_cause *)(hal_retained + RETAINED_RESET_CAUSE_OFFSET);
}

static uint32_t cause_crc(void) {
    return crc32(0, cause(), RESET_CAUSE_SIZE - sizeof(uint32_t));
}

void hal_reset_cause_set(enum reset_reason reason) {
    struct reset_cause *c = cause();
    c->magic = RESET_CAUSE_MAGIC;
    c->size = RESET_CAUSE_SIZE;
    c->version = RESET_CAUSE_VERSION;
    c->reason = reason;
    c->crc = cause_crc();
}

_Noreturn void hal_reset(enum reset_reason reason) {
    hal_reset_cause_set(reason);
    hal_reset_now();
}

enum reset_reason hal_reset_cause_take(void) {
    struct reset_cause *c = cause();
    bool valid =
        c->magic == RESET_CAUSE_MAGIC && c->version == RESET_CAUSE_VERSION && c->crc == cause_crc();
    enum reset_reason reason = valid ? (enum reset_reason)c->reason : RESET_POWER_ON;
    c->magic = 0;
    return reason;
}
