// SPDX-License-Identifier: Apache-2.0
// A bootloader around the real choice of a slot (firmware/boot/choose.c), for the agent's tests.
#include "choose.h"
#include "hal/board.h"
#include "hal/err.h"
#include "slots/check.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct journal journal;
static struct boot_params params;
static struct keyset keys;
static struct choose_in in;

static void need(int err, const char *what) {
    if (err < 0) {
        fprintf(stderr, "starter: %s: %d\n", what, err);
        exit(3);
    }
}

static void put(int slot, const struct slot_record *record) {
    need(slot_put(&journal, slot, record), "journal");
    need(slot_get(&journal, slot, &in.slot[slot]), "journal");
}

static int check(int slot, struct image_info *info) {
    const struct slot_policy policy = {
        .layout = &board_layout, .params = &params, .keys = &keys, .floor = params.floor};
    return slot_check(&policy, slot, info);
}

static struct choice choose(struct image_info *info) {
    for (;;) {
        struct choice c = boot_choose(&in);
        if (c.action == CHOOSE_NOTHING) {
            need(ERR_NOT_FOUND, "nothing starts");
        }
        if (c.action == CHOOSE_RECORD) {
            put(c.slot, &c.record);
            continue;
        }
        int err = check(c.slot, info);
        if (err == 0) {
            return c;
        }
        struct slot_record bad = in.slot[c.slot];
        bad.state = SLOT_BAD;
        bad.reason = err == ERR_ROLLBACK ? SLOT_REASON_FLOOR : SLOT_REASON_SIGNATURE;
        in.refusal[c.slot] = (int8_t)err;
        put(c.slot, &bad);
    }
}

static void load(enum reset_reason reason) {
    static uint8_t keyset_bytes[TRUST_BUFFER_BYTES];
    const uint8_t *block = (const uint8_t *)(uintptr_t)(WORLD_BASE + WORLD_PARAMS);
    need(boot_params_read(&params, block), "boot_params");
    need(journal_open(&journal, &board_layout, JOURNAL_AT_BOOT), "journal");
    need(trust_load(&keys, keyset_bytes, &board_layout, &journal, &params), "trust");
    in.reset = (uint8_t)reason;
    boot_record_get(&journal, &in.last);
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        slot_get(&journal, slot, &in.slot[slot]);
    }
}

void start_image(struct handover *h, enum reset_reason reason) {
    struct image_info info;
    load(reason);
    struct choice c = choose(&info);
    if (c.changed) {
        put(c.slot, &c.record);
    }
    const struct boot_record boot = {.count = in.last.count + 1,
                                     .slot = (uint8_t)c.slot,
                                     .reset_reason = (uint8_t)reason,
                                     .crashes = c.crashes,
                                     .unwell = c.unwell};
    need(boot_record_put(&journal, &boot), "journal");
    *h = (struct handover){
        .slot_base = (uint32_t)slot_address(&board_layout, c.slot),
        .boot_count = boot.count,
        .keyset_epoch = keys.epoch,
        .boot_version = 1,
        .boot_params = WORLD_BASE + WORLD_PARAMS,
        .slot = (uint8_t)c.slot,
        .state = c.record.state,
        .mode = c.mode,
        .crashes = c.crashes,
        .reset_reason = (uint8_t)reason,
    };
    memcpy(h->image_digest, info.digest, sizeof h->image_digest);
}
