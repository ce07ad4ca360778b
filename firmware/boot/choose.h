// SPDX-License-Identifier: Apache-2.0
// Which slot to start, and what to record first: decided from facts alone, without I/O.
#pragma once
#include "image/image.h"
#include "slots/slots.h"

// In a row, of one image. Crashes alone, and all starts that ended before they were called well.
enum {
    BOOT_SAFE_CRASHES = 3, // then it starts in safe mode
    BOOT_SAFE_UNWELL = 10,
    BOOT_LEAVE_CRASHES = 6, // then the other slot is started, if it holds a confirmed image
    BOOT_LEAVE_UNWELL = 20,
};

struct choose_in {
    struct slot_record slot[SLOT_COUNT]; // as the journal has them
    int8_t refusal[SLOT_COUNT];          // why it did not pass the check in this start, 0: it may
    uint8_t reset;                       // enum reset_reason
    struct boot_record last;             // the start before; count 0: none
};

enum choose_action {
    CHOOSE_NOTHING, // no slot can be started
    CHOOSE_RECORD,  // append `record` for `slot`, then choose again
    CHOOSE_START,   // check `slot`; if it passes, append `record` if it changed, and start
};

struct choice {
    enum choose_action action;
    int slot;
    struct slot_record record;
    bool changed;    // record differs from what the journal has, or must become the latest
    bool leave;      // the other slot's image could not stay up: then record it as reverted
    uint8_t crashes; // in a row, of this image
    uint8_t unwell;
    uint8_t mode; // enum boot_mode
};

struct choice boot_choose(const struct choose_in *in);

// What the check found in a slot, for a journal without any slot record.
struct choose_first {
    bool valid;
    uint32_t counter;
    struct image_version version;
    uint8_t digest[32];
};

// Which valid image becomes confirmed: the higher counter, then version. The slot, or -1 (no enum
// err) if none is valid.
int boot_choose_first(const struct choose_first found[SLOT_COUNT]);
