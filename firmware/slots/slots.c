// SPDX-License-Identifier: Apache-2.0
// Records about slots and starts: their bytes, nothing else.
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
