// SPDX-License-Identifier: Apache-2.0
// Which slot to start, and what to record first: decided from facts alone, without I/O.
#pragma once
#include "image/image.h"
#include "slots/slots.h"

enum { BOOT_SAFE_CRASHES = 3 }; // in a row, of one image: it then starts in safe mode

struct choose_in {
    struct slot_record slot[SLOT_COUNT]; // as the journal has them
    bool refused[SLOT_COUNT];            // did not pass the check in this start
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
    bool changed;    // record differs from what the journal has
    uint8_t crashes; // in a row, of this image
    uint8_t mode;    // enum boot_mode
};

struct choice boot_choose(const struct choose_in *in);

// Journal without any slot record: which valid image becomes confirmed. Null: not valid.
// Returns the slot, -1 if neither is.
int boot_choose_first(const struct image_info *a, const struct image_info *b);
