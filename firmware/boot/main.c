// SPDX-License-Identifier: Apache-2.0
// The bootloader. hal_main() at the end is the checklist; what to start is decided in choose.c.
#include "choose.h"
#include "crc/crc32.h"
#include "hal/arch.h"
#include "hal/board.h"
#include "hal/err.h"
#include "layout.h"
#include "report.h"
#include "slots/check.h"
#include "slots/identity.h"

#include <string.h>

enum {
    BOOT_VERSION = 1,
    // Fed per block erased and per few KiB checked; the check of a signature takes a second or two.
    WATCHDOG_MS = 8000 + 2 * LAYOUT_ERASE_MS_MAX,
    REST_POLL_US = 100000,
    REST_US = 300000000, // each start costs the journal a place, so not too often
};

// unitool fills it in; until then its CRC is wrong and nothing starts.
__attribute__((section(".boot_params"), aligned(16), used))
const uint8_t boot_params[BOOT_PARAMS_BYTES] = {
    'U', 'T', 'B', 'P', 1, 0, BOOT_PARAMS_BYTES & 0xFF, BOOT_PARAMS_BYTES >> 8,
};

static struct boot {
    struct boot_params params;
    struct journal journal;
    struct keyset keys;
    struct slot_policy policy;
    struct choose_in in;
    struct image_info image; // of the slot that was checked last
    uint32_t phase_us[2];    // end of each
    uint8_t keyset[TRUST_BUFFER_BYTES];
} boot;

// Nothing can be started. What failed may have been a read, so try again after a while, as if this
// start had not been.
static _Noreturn void rest(void) {
    uint64_t end_us = hal_timer_us() + REST_US;
    while (hal_timer_us() < end_us) {
        hal_wdt_feed();
        hal_idle_for(REST_POLL_US);
    }
    hal_reset((enum reset_reason)boot.in.reset);
}

// For what no slot can help with.
static void need(int err, const char *what) {
    if (err < 0) {
        boot_say("boot: nothing starts: ");
        boot_say(what);
        boot_say(" ");
        boot_say(boot_reason(err));
        boot_say("\r\n");
        rest();
    }
}

static void say_slot(int slot, const char *text) {
    boot_say(slot == SLOT_A ? "boot: slot A: " : "boot: slot B: ");
    boot_say(text);
}

static void read_params(void) {
    const uint8_t *block = boot_params;
    __asm__("" : "+r"(block)); // filled in after compilation: its initial value says nothing
    need(boot_params_read(&boot.params, block), "boot_params");
}

static void read_slots(void) {
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        slot_get(&boot.journal, slot, &boot.in.slot[slot]);
    }
}

static bool slot_is_blank(int slot) {
    enum { SAMPLE_BYTES = 64 };
    return hal_flash_is_blank(&board_flash, board_layout.slot[slot].offset, SAMPLE_BYTES) == 1;
}

static int check(int slot) {
    hal_wdt_feed();
    int err = slot_check(&boot.policy, slot, &boot.image);
    if (err == ERR_FORMAT && slot_is_blank(slot)) {
        err = ERR_ERASED;
    }
    boot.in.refusal[slot] = (int8_t)err;
    if (err < 0) {
        say_slot(slot, boot_reason(err));
        boot_say("\r\n");
    }
    return err;
}

static void put_slot(int slot, const struct slot_record *record) {
    need(slot_put(&boot.journal, slot, record), "journal:");
    read_slots();
}

// A journal without slot records: a new device, or both sectors are lost.
static void adopt_first(void) {
    struct choose_first found[SLOT_COUNT];
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        struct choose_first *f = &found[slot];
        f->valid = check(slot) == 0;
        f->counter = boot.image.counter;
        f->version = boot.image.version;
        memcpy(f->digest, boot.image.digest, sizeof(f->digest));
    }
    int slot = boot_choose_first(found);
    if (slot >= 0) {
        struct slot_record r = {
            .state = SLOT_CONFIRMED, .flags = SLOT_WAS_CONFIRMED, .counter = found[slot].counter};
        memcpy(r.digest, found[slot].digest, sizeof(r.digest));
        put_slot(slot, &r);
    }
}

// It passed every check when it was recorded as ready or confirmed. So unless the floor has risen
// it has rotted, whatever the check stumbled over.
static void record_bad(int slot, int err) {
    struct slot_record r = boot.in.slot[slot];
    uint16_t reason = err == ERR_ROLLBACK ? SLOT_REASON_FLOOR : SLOT_REASON_SIGNATURE;
    if (r.state == SLOT_BAD && r.reason == reason) {
        return;
    }
    r.state = SLOT_BAD;
    r.reason = reason;
    put_slot(slot, &r);
}

// The other slot's image crashes in safe mode, too.
static void record_left(int slot) {
    struct slot_record r = boot.in.slot[slot];
    r.state = SLOT_REVERTED;
    r.reason = SLOT_REASON_CRASHED;
    r.reverts = r.reverts < UINT8_MAX ? (uint8_t)(r.reverts + 1) : UINT8_MAX;
    put_slot(slot, &r);
}

// Until a slot has passed the check, or none is left.
static struct choice choose(void) {
    for (;;) {
        struct choice c = boot_choose(&boot.in);
        if (c.action == CHOOSE_RECORD) {
            put_slot(c.slot, &c.record);
            continue;
        }
        if (c.action == CHOOSE_NOTHING) {
            return c;
        }
        int err = check(c.slot);
        if (err == 0) {
            return c;
        }
        record_bad(c.slot, err);
    }
}

static _Noreturn void report_and_rest(void) {
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        say_slot(slot, boot_state(boot.in.slot[slot].state));
        boot_say(", ");
        int err = boot.in.refusal[slot];
        boot_say(err < 0 ? boot_reason(err) : "not startable");
        boot_say("\r\n");
    }
    boot_say("boot: no slot can be started\r\n");
    rest();
}

static void count_start(struct choice *c) {
    if (c->changed) {
        put_slot(c->slot, &c->record);
    }
    if (c->leave) {
        record_left(!c->slot);
    }
    struct boot_record now = {
        .count = boot.in.last.count + 1,
        .slot = (uint8_t)c->slot,
        .reset_reason = boot.in.reset,
        .crashes = c->crashes,
        .unwell = c->unwell,
    };
    need(boot_record_put(&boot.journal, &now), "journal:");
    boot.in.last = now;
}

static const struct handover *hand_over(const struct choice *c) {
    struct handover *h = (struct handover *)(hal_retained + RETAINED_HANDOVER_OFFSET);
    uint32_t now_us = (uint32_t)hal_timer_us();
    *h = (struct handover){
        .magic = HANDOVER_MAGIC,
        .size = sizeof(*h),
        .version = HANDOVER_VERSION,
        .slot_base = (uint32_t)slot_address(&board_layout, c->slot),
        .boot_count = boot.in.last.count,
        .floor = boot.policy.floor,
        .keyset_epoch = boot.keys.epoch,
        .phase_us = {boot.phase_us[0], boot.phase_us[1] - boot.phase_us[0],
                     now_us - boot.phase_us[1], now_us},
        .boot_version = BOOT_VERSION,
        .boot_params = (uint32_t)(uintptr_t)boot_params,
        .slot = (uint8_t)c->slot,
        .state = c->record.state,
        .tries = (uint8_t)(c->record.tries + c->record.power_ons),
        .mode = c->mode,
        .reset_reason = boot.in.reset,
        .crashes = c->crashes,
    };
    memcpy(h->image_digest, boot.image.digest, sizeof(h->image_digest));
    h->crc = crc32(0, h, offsetof(struct handover, crc));
    return h;
}

static void say_start(const struct choice *c) {
    say_slot(c->slot, boot_state(c->record.state));
    if (c->record.state == SLOT_TRYING) {
        boot_say(" ");
        boot_say_number((uint32_t)c->record.tries + c->record.power_ons);
    }
    boot_say(c->mode == BOOT_SAFE ? ", safe mode, start " : ", start ");
    boot_say_number(boot.in.last.count);
    boot_say("\r\n");
}

// A fault in the bootloader itself.
_Noreturn void hal_fault(struct hal_fault *f) {
    boot_say("boot: fault at ");
    boot_say_number(f->pc);
    boot_say("\r\n");
    hal_reset(f->kind == HAL_FAULT_WATCHDOG ? RESET_WATCHDOG : RESET_PANIC);
}

_Noreturn void hal_main(const struct handover *none) {
    (void)none;
    board_init();                                    // clock, console
    need(hal_wdt_start(WATCHDOG_MS), "watchdog:");   // from here on it must go on
    boot.in.reset = (uint8_t)hal_reset_cause_take(); // why we are here
    read_params();                                   // whose device this is
    boot.phase_us[0] = (uint32_t)hal_timer_us();
    need(journal_open(&boot.journal, &board_layout, JOURNAL_AT_BOOT), "journal:");
    need(trust_load(&boot.keys, boot.keyset, &board_layout, &boot.journal, &boot.params),
         "keyset:");
    boot.policy = (struct slot_policy){
        .layout = &board_layout,
        .params = &boot.params,
        .keys = &boot.keys,
        .floor = trust_floor(&boot.keys, &boot.journal, &boot.params), // nothing older runs
        .development = identity_flags(&board_layout) & IDENTITY_DEVELOPMENT,
    };
    boot_record_get(&boot.journal, &boot.in.last); // how the start before ended
    read_slots();
    boot.phase_us[1] = (uint32_t)hal_timer_us();
    if (boot.in.slot[SLOT_A].state == SLOT_UNKNOWN && boot.in.slot[SLOT_B].state == SLOT_UNKNOWN) {
        adopt_first();
    }
    struct choice c = choose(); // and check
    if (c.action == CHOOSE_NOTHING) {
        report_and_rest();
    }
    count_start(&c); // surely in flash before the jump
    say_start(&c);
    hal_wdt_feed();
    hal_jump(slot_address(&board_layout, c.slot) + boot.image.hdr_size, hand_over(&c));
}
