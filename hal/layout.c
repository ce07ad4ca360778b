// SPDX-License-Identifier: Apache-2.0
// The board's name, and board.toml's layout as the struct that firmware uses.
#include "layout.h"
#include "hal/board.h"

#define AREA(name) {LAYOUT_##name##_OFFSET, LAYOUT_##name##_SIZE}

const char board_name[] = LAYOUT_BOARD_NAME;
const struct hal_layout board_layout = {
    .flash = &board_flash,
    .identity = AREA(IDENTITY),
    .trust = {AREA(TRUST_A), AREA(TRUST_B)},
    .journal = {AREA(JOURNAL_A), AREA(JOURNAL_B)},
    .slot = {AREA(SLOT_A), AREA(SLOT_B)},
    .storage = AREA(STORAGE),
};
