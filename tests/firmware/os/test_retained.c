// SPDX-License-Identifier: Apache-2.0
// sources: hal/reset.c firmware/os/panic/panic.c
// include: firmware/os/base/include firmware/os/panic/include firmware/os/time/include
// include: tests/firmware/os tests/firmware/slots
// Golden vectors of what lies in retained RAM: reset cause, handover, crash record.
#include "check.h"
#include "crc/crc32.h"
#include "os/panic.h"
#include "os/time.h"
#include "vectors.h"

// The image's start, included: what it makes of a handover is its own business.
#define main app_main
#include "../../../firmware/os/base/start.c"
#undef main

uint8_t hal_retained[RETAINED_BYTES_MIN];
uint8_t hal_stack_start[1], hal_stack_end[1];
const uint8_t hal_body_start[1], hal_body_end[1], hal_build_id[20];
void (*const hal_init_array_start[1])(void);
void (*const hal_init_array_end[1])(void);

void hal_protect(void) {
}

void board_init(void) {
}

void os_init_components(void) {
}

int app_main(void) {
    return 0;
}

int hal_wdt_start(uint32_t timeout_ms) {
    return timeout_ms > 0 ? 0 : -1;
}

bool os_rescues(void) {
    return false;
}

uint32_t os_now_ms(void) {
    return 0;
}

_Noreturn void os_run(void) {
    abort();
}

_Noreturn void hal_reset_now(void) {
    abort();
}

_Noreturn void hal_trap_panic(const char *message) {
    CHECK(message == NULL);
    abort();
}

static void put(const struct vector *v, const char *key, uint32_t offset, uint32_t size) {
    memset(hal_retained, 0xA5, sizeof(hal_retained));
    CHECK_EQUAL(vector_hex(v, key, hal_retained + offset, size), size);
}

static void reset_cause(const struct vector *v) {
    static const struct {
        const char *name;
        enum reset_reason reason;
    } all[] = {
        {"retained/cause_power_on", RESET_POWER_ON}, {"retained/cause_software", RESET_SOFTWARE},
        {"retained/cause_watchdog", RESET_WATCHDOG}, {"retained/cause_panic", RESET_PANIC},
        {"retained/cause_update", RESET_UPDATE},     {"retained/cause_external", RESET_EXTERNAL},
    };
    uint8_t written[sizeof(struct reset_cause)];
    put(v, "cause", RETAINED_RESET_CAUSE_OFFSET, sizeof(written));
    memcpy(written, hal_retained, sizeof(written));
    enum reset_reason found = hal_reset_cause_take();
    CHECK_EQUAL(hal_reset_cause_take(), RESET_POWER_ON); // it is taken once
    if (vector_expect(v) < 0) {
        CHECK_EQUAL(found, RESET_POWER_ON);
        return;
    }
    CHECK_EQUAL(found, vector_number(v, "reason"));
    unsigned known = 0;
    while (strcmp(all[known].name, v->name) != 0) {
        CHECK(++known < sizeof(all) / sizeof(all[0]));
    }
    CHECK_EQUAL(found, all[known].reason);
    hal_reset_cause_set(found);
    CHECK(check_same(hal_retained, written, sizeof(written)));
}

static void same_words(const struct vector *v, const char *key, const uint32_t *words, int n) {
    for (int i = 0; i < n; i++) {
        const char *value = vector_find(v, key, i);
        CHECK(value != NULL);
        CHECK_EQUAL(words[i], strtoul(value, NULL, 0));
    }
    CHECK(vector_find(v, key, n) == NULL);
}

static void handover(const struct vector *v) {
    const struct handover *h = (const struct handover *)(hal_retained + RETAINED_HANDOVER_OFFSET);
    uint8_t digest[32];
    put(v, "handover", RETAINED_HANDOVER_OFFSET, sizeof(*h));
    if (strcmp(v->name, "retained/bad_handover_crc") == 0) {
        return; // nobody but the bootloader has been there since it was made: start.c
    }
    uint32_t crc = h->crc;
    check_handover(h);
    CHECK(os_handover() == h);
    if (vector_expect(v) < 0) {
        const struct handover none = {0};
        CHECK(check_same(h, &none, sizeof(none)));
        return;
    }
    CHECK(h->size == sizeof(*h));
    CHECK_EQUAL(crc, crc32(0, h, offsetof(struct handover, crc)));
    CHECK_EQUAL(h->slot_base, vector_number(v, "slot_base"));
    CHECK_EQUAL(h->boot_count, vector_number(v, "boot_count"));
    CHECK_EQUAL(h->floor, vector_number(v, "floor"));
    CHECK_EQUAL(h->keyset_epoch, vector_number(v, "keyset_epoch"));
    same_words(v, "phase_us", h->phase_us, 4);
    CHECK_EQUAL(h->boot_version, vector_number(v, "boot_version"));
    CHECK_EQUAL(h->boot_params, vector_number(v, "boot_params"));
    CHECK_EQUAL(h->slot, vector_number(v, "slot"));
    CHECK_EQUAL(h->state, vector_number(v, "state"));
    CHECK_EQUAL(h->tries, vector_number(v, "tries"));
    CHECK(h->mode == BOOT_SAFE && h->mode == vector_number(v, "mode"));
    CHECK(h->reset_reason == RESET_PANIC && h->reset_reason == vector_number(v, "reset_reason"));
    CHECK_EQUAL(h->crashes, vector_number(v, "crashes"));
    CHECK_EQUAL(vector_hex(v, "image_digest", digest, sizeof(digest)), sizeof(digest));
    CHECK(check_same(h->image_digest, digest, sizeof(digest)));
}

static void crash(const struct vector *v) {
    uint8_t build_id[20];
    put(v, "crash", RETAINED_CRASH_OFFSET, sizeof(struct crash_record));
    const struct crash_record *r = os_last_crash();
    if (vector_expect(v) < 0) {
        CHECK(r == NULL);
        return;
    }
    CHECK(r != NULL && r->size == sizeof(*r));
    same_words(v, "regs", r->fault.regs, HAL_FAULT_REGS);
    same_words(v, "status", r->fault.status, HAL_FAULT_STATUS);
    CHECK_EQUAL(r->fault.pc, vector_number(v, "pc"));
    CHECK_EQUAL(r->fault.lr, vector_number(v, "lr"));
    CHECK_EQUAL(r->fault.sp, vector_number(v, "sp"));
    CHECK(r->fault.kind == HAL_FAULT_PANIC && r->fault.kind == vector_number(v, "kind"));
    CHECK(r->fault.arch == HAL_ARCH_ARMV7M && r->fault.arch == vector_number(v, "arch"));
    CHECK_EQUAL(r->slot_base, vector_number(v, "slot_base"));
    CHECK_EQUAL(r->uptime_ms, vector_number(v, "uptime_ms"));
    CHECK_EQUAL(vector_hex(v, "build_id", build_id, sizeof(build_id)), sizeof(build_id));
    CHECK(check_same(r->build_id, build_id, sizeof(build_id)));
    CHECK(vector_is(v, "message", r->message));
    same_words(v, "stack", r->stack, CRASH_STACK_WORDS);
    os_last_crash_clear();
    CHECK(os_last_crash() == NULL);
}

static void vector(const struct vector *v) {
    check_context = v->name;
    if (vector_find(v, "cause", 0) != NULL) {
        reset_cause(v);
    } else if (vector_find(v, "handover", 0) != NULL) {
        handover(v);
    } else {
        crash(v);
    }
}

int main(void) {
    CHECK(vector_each("retained", vector) > 20);
    return 0;
}
