// SPDX-License-Identifier: Apache-2.0
// A bootloader in miniature, for the agent's tests only: the real one has tests of its own.
#include "hal/board.h"
#include "hal/err.h"
#include "slots/check.h"
#include "slots/slots.h"
#include "world.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct journal journal;
static struct slot_record slots[SLOT_COUNT];

static void put(int slot, uint8_t state, uint16_t reason) {
    slots[slot].state = state;
    slots[slot].reason = reason;
    if (slot_put(&journal, slot, &slots[slot]) < 0) {
        exit(3);
    }
}

static int latest_confirmed(void) {
    int found = -1;
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        if (slots[slot].state == SLOT_CONFIRMED &&
            (found < 0 || slots[slot].sequence > slots[found].sequence)) {
            found = slot;
        }
    }
    return found;
}

// The one that is tried, if it may be tried once more.
static int try_again(enum reset_reason reason) {
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        struct slot_record *r = &slots[slot];
        if (r->state == SLOT_READY && reason == RESET_UPDATE) {
            r->tries = 0;
            put(slot, SLOT_TRYING, 0);
            return slot;
        }
        if (r->state != SLOT_TRYING) {
            continue;
        }
        if (reason != RESET_POWER_ON && reason != RESET_UPDATE) {
            r->tries++;
        }
        if (r->tries >= SLOT_TRIES_MAX) {
            put(slot, SLOT_BAD, SLOT_REASON_CRASHED);
            continue;
        }
        put(slot, SLOT_TRYING, 0);
        return slot;
    }
    return -1;
}

static void check(int slot, const struct boot_params *params, const struct keyset *keys) {
    const struct slot_policy policy = {
        .layout = &board_layout, .params = params, .keys = keys, .floor = params->floor};
    struct image_info info;
    int err = slot_check(&policy, slot, &info);
    if (err < 0) {
        fprintf(stderr, "starter: slot %c does not verify (%d)\n", 'A' + slot, err);
        exit(4);
    }
}

void start_image(struct handover *h, enum reset_reason reason) {
    static uint8_t keyset_bytes[KEYSET_BYTES_MAX];
    struct boot_record boot = {0};
    struct boot_params params;
    struct keyset keys;
    const uint8_t *block = (const uint8_t *)(uintptr_t)(WORLD_BASE + WORLD_PARAMS);
    if (boot_params_read(&params, block) < 0 ||
        journal_open(&journal, &board_layout, JOURNAL_AT_BOOT) < 0 ||
        trust_load(&keys, keyset_bytes, &board_layout, &journal, &params) < 0) {
        exit(3);
    }
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        slot_get(&journal, slot, &slots[slot]);
    }
    int slot = try_again(reason);
    slot = slot < 0 ? latest_confirmed() : slot;
    if (slot < 0) {
        exit(4);
    }
    check(slot, &params, &keys);
    boot_record_get(&journal, &boot);
    boot.count++;
    boot.slot = (uint8_t)slot;
    boot.reset_reason = (uint8_t)reason;
    if (boot_record_put(&journal, &boot) < 0) {
        exit(3);
    }
    *h = (struct handover){
        .slot_base = (uint32_t)slot_address(&board_layout, slot),
        .boot_count = boot.count,
        .keyset_epoch = keys.epoch,
        .boot_version = 1,
        .boot_params = WORLD_BASE + WORLD_PARAMS,
        .slot = (uint8_t)slot,
        .state = slots[slot].state,
        .tries = slots[slot].tries,
        .reset_reason = (uint8_t)reason,
    };
    memcpy(h->image_digest, slots[slot].digest, sizeof h->image_digest);
}
