// SPDX-License-Identifier: Apache-2.0
// Boards are constant; the simulator's flash changes. So the names stand for what is in use now.
#pragma once
#include "hal/board.h"

extern struct hal_flash board_flash_now;
extern struct hal_layout board_layout_now;

#define board_flash board_flash_now
#define board_layout board_layout_now
