// SPDX-License-Identifier: Apache-2.0
// The journal: small records in two flash sectors, each change one atomic append (docs/flash.md).
// What the records mean is not its business (slots/slots.h).
#pragma once
#include "hal/flash.h"
#include "hal/language.h"

#include <stdbool.h>

C_BEGIN

enum journal_type {
    JOURNAL_START = 0x01,
    JOURNAL_BOOT = 0x02,
    JOURNAL_SLOT = 0x83,
    JOURNAL_FLOOR = 0x04,
    JOURNAL_KEYSET = 0x85,
    JOURNAL_GENERATION = 0x06,
    JOURNAL_WEAR = 0x07,
};

enum {
    JOURNAL_CRITICAL = 0x80, // bit of a type: who does not know the type must start nothing
    JOURNAL_PAYLOAD_BYTES = 52,
    JOURNAL_PLACES_MAX = 128, // records used of a sector
};

enum journal_mode {
    JOURNAL_AT_BOOT, // after a reset: what was last written may be torn
    JOURNAL_AT_RUN,  // behind the bootloader's BOOT record, which is sure
};

struct journal {
    const struct hal_flash *flash;
    struct hal_area area[2];
    uint32_t sequence; // of the last record that counts
    uint32_t rollovers;
    uint32_t record_bytes;                  // distance of two places
    uint16_t places;                        // per sector
    uint16_t next;                          // place of the next record
    int8_t active;                          // sector in use, -1 none yet
    bool unknown;                           // holds a critical record that this code does not know
    uint8_t counts[JOURNAL_PLACES_MAX / 8]; // bit per place: a record that counts, decided once
};

struct journal_id {
    uint8_t type;
    uint8_t component; // 0 = app
    uint8_t key;       // what it is about: the slot, or 0
};

// Find the sector in use and its end. AT_BOOT: settles a last record that may be torn (by a copy)
// and takes an unreadable journal for an empty one; the first append then writes a new one.
// ERR_RANGE: the areas are too small. AT_RUN: ERR_NOT_FOUND, no journal. AT_BOOT: ERR_UNSUPPORTED,
// an unknown critical record; ERR_IO, ERR_NO_SPACE, the copy could not be written.
int journal_open(struct journal *j, const struct hal_layout *layout, enum journal_mode mode);

// Append one record of `size` <= 52 bytes and read it back; rolls over when the sector is full
// (erases up to erase_ms_max). 0 means it is there to stay. ERR_RANGE: longer. ERR_IO: several
// places of a fresh sector failed, or it cannot be erased. ERR_NO_SPACE: it cannot hold all that is
// carried over.
int journal_append(struct journal *j, struct journal_id id, const void *payload, uint32_t size);

// The latest record's payload and, if `sequence` is not null, its number. ERR_NOT_FOUND: none.
int journal_get(const struct journal *j, struct journal_id id,
                uint8_t payload[JOURNAL_PAYLOAD_BYTES], uint32_t *sequence);

C_END
