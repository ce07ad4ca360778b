// SPDX-License-Identifier: Apache-2.0
// What the journal says about slots and starts (docs/flash.md), decoded.
#pragma once
#include "hal/language.h"
#include "slots/journal.h"

C_BEGIN

enum { SLOT_A = 0, SLOT_B = 1, SLOT_COUNT = 2 };

enum slot_state {
    SLOT_EMPTY = 0,
    SLOT_INSTALLING = 1,
    SLOT_READY = 2, // whole and checked; started by a reset with RESET_UPDATE
    SLOT_TRYING = 3,
    SLOT_CONFIRMED = 4, // of two confirmed slots the one with the later record runs
    SLOT_BAD = 5,
    SLOT_REVERTED = 6,
    SLOT_UNKNOWN = 255, // no record
};

enum slot_reason {
    SLOT_REASON_NONE = 0,
    SLOT_REASON_CRASHED = 1,
    SLOT_REASON_NOT_CONFIRMED = 2,
    SLOT_REASON_SIGNATURE = 3,
    SLOT_REASON_IDENTITY = 4,
    SLOT_REASON_FLOOR = 5,
    SLOT_REASON_RELOCATION = 6,
    SLOT_REASON_FORMAT = 7,
    SLOT_REASON_SERVER = 8,
    SLOT_REASON_LOCAL = 9,
    SLOT_REASON_POWER_ONS = 10,
};

enum {
    SLOT_WAS_CONFIRMED = 1, // flag: confirmed once, so boot-other may go to it
    SLOT_TRIES_MAX = 3,
    SLOT_POWER_ONS_MAX = 10,
};

struct slot_record {
    uint8_t state;     // enum slot_state
    uint8_t tries;     // starts used up while trying
    uint8_t power_ons; // power-ons while trying
    uint8_t flags;
    uint16_t reason; // enum slot_reason
    uint8_t reverts; // how often this image was reverted
    uint32_t offset; // installing: bytes of the file surely written
    uint32_t counter;
    uint8_t digest[32]; // image digest
    uint32_t sequence;  // of the record read; ignored when written
};

struct boot_record {
    uint32_t count;
    uint8_t slot;
    uint8_t reset_reason; // enum reset_reason
    uint8_t crashes;      // by watchdog or panic, in a row
    uint8_t unwell;       // starts in a row that crashed or reset themselves before they were well
};

// A slot without a record reads as SLOT_UNKNOWN, all else zero. ERR_RANGE: no such slot.
int slot_get(const struct journal *j, int slot, struct slot_record *out);

// Record it. ERR_RANGE: no such slot; errors of journal_append.
int slot_put(struct journal *j, int slot, const struct slot_record *record);

// The last start. ERR_NOT_FOUND: there was none; `out` is as it was.
int boot_record_get(const struct journal *j, struct boot_record *out);

// Record a start, or that it went well. ERR_IO, ERR_NO_SPACE: see journal_append.
int boot_record_put(struct journal *j, const struct boot_record *record);

C_END
