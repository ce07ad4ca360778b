// SPDX-License-Identifier: Apache-2.0
// Records about slots, starts and floors: their bytes, nothing else.
#include "slots/slots.h"

#include "bytes.h"
#include "hal/err.h"

#include <string.h>

static struct journal_id slot_id(int slot) {
    return (struct journal_id){.type = JOURNAL_SLOT, .key = (uint8_t)slot};
}

int slot_get(const struct journal *j, int slot, struct slot_record *out) {
    uint8_t p[JOURNAL_PAYLOAD_BYTES];
    *out = (struct slot_record){.state = SLOT_UNKNOWN};
    if (slot < 0 || slot >= SLOT_COUNT) {
        return ERR_RANGE;
    }
    if (journal_get(j, slot_id(slot), p, &out->sequence) < 0) {
        return 0;
    }
    out->state = p[0];
    out->tries = p[1];
    out->power_ons = p[2];
    out->flags = p[3];
    out->reason = load_u16(p + 4);
    out->reverts = p[6];
    out->offset = load_u32(p + 8);
    out->counter = load_u32(p + 12);
    memcpy(out->digest, p + 16, sizeof(out->digest));
    return 0;
}

int slot_put(struct journal *j, int slot, const struct slot_record *record) {
    if (slot < 0 || slot >= SLOT_COUNT) {
        return ERR_RANGE;
    }
    uint8_t p[16 + sizeof(record->digest)] = {record->state, record->tries, record->power_ons,
                                              record->flags};
    store_u16(p + 4, record->reason);
    p[6] = record->reverts;
    store_u32(p + 8, record->offset);
    store_u32(p + 12, record->counter);
    memcpy(p + 16, record->digest, sizeof(record->digest));
    return journal_append(j, slot_id(slot), p, sizeof(p));
}

enum slot_reason slot_reason_of(int err) {
    switch (err) {
    case ERR_SIGNATURE:
    case ERR_DIGEST:
        return SLOT_REASON_SIGNATURE;
    case ERR_IDENTITY:
        return SLOT_REASON_IDENTITY;
    case ERR_ROLLBACK:
        return SLOT_REASON_FLOOR;
    case ERR_RELOCATION:
    case ERR_SLOT_BOUND:
        return SLOT_REASON_RELOCATION;
    default:
        return SLOT_REASON_FORMAT;
    }
}

static const struct journal_id boot_id = {.type = JOURNAL_BOOT};

int boot_record_get(const struct journal *j, struct boot_record *out) {
    uint8_t p[JOURNAL_PAYLOAD_BYTES];
    int err = journal_get(j, boot_id, p, NULL);
    if (err == 0) {
        *out = (struct boot_record){
            .count = load_u32(p),
            .slot = p[4],
            .reset_reason = p[5],
            .crashes = p[6],
            .unwell = p[7],
        };
    }
    return err;
}

int boot_record_put(struct journal *j, const struct boot_record *record) {
    uint8_t p[8] = {[4] = record->slot, record->reset_reason, record->crashes, record->unwell};
    store_u32(p, record->count);
    return journal_append(j, boot_id, p, sizeof(p));
}

int boot_record_healthy(struct journal *j) {
    struct boot_record record;
    int err = boot_record_get(j, &record);
    if (err < 0 || (record.crashes | record.unwell) == 0) {
        return err;
    }
    record.crashes = record.unwell = 0;
    return boot_record_put(j, &record);
}

static const struct journal_id floor_id = {.type = JOURNAL_FLOOR};

uint32_t floor_get(const struct journal *j, const uint8_t cid[16]) {
    uint8_t p[JOURNAL_PAYLOAD_BYTES];
    if (journal_get(j, floor_id, p, NULL) < 0 || memcmp(p + 4, cid, 16) != 0) {
        return 0;
    }
    return load_u32(p);
}

int floor_put(struct journal *j, const uint8_t cid[16], uint32_t counter) {
    uint8_t p[20];
    store_u32(p, counter);
    memcpy(p + 4, cid, 16);
    return journal_append(j, floor_id, p, sizeof(p));
}
