// SPDX-License-Identifier: Apache-2.0
// The world of the host-compiled agent: flash in a file, time that stands still, HTTP by a pipe.
#pragma once
#include "hal/arch.h"
#include "hal/flash.h"
#include "hal/retained.h"
#include "os/panic.h"
#include <stdint.h>

enum {
    WORLD_BASE = 0x21000000,
    WORLD_BLOCK = 0x1000,
    WORLD_SLOT_A = 0x10000,
    WORLD_SLOT_BYTES = 0x10000,
    WORLD_SLOT_B = WORLD_SLOT_A + WORLD_SLOT_BYTES,
    WORLD_PARAMS = WORLD_SLOT_B + WORLD_SLOT_BYTES, // boot_params, beside the flash
    WORLD_CRASH = WORLD_PARAMS + 0x800,             // the crash record, as retained RAM keeps it
    WORLD_BYTES = WORLD_PARAMS + 0x1000,
};

// How the power goes at the n-th flash operation.
enum cut { CUT_BEFORE = 0, CUT_INSIDE = 1, CUT_AFTER = 2 };

void flash_open(const char *path);
void flash_cut_at(uint32_t operation, enum cut how);
uint32_t flash_operations(void);

struct crash_record *world_crash(void);

// Fill in what the bootloader would hand over; writes what it would write. Exits if nothing boots.
void start_image(struct handover *h, enum reset_reason reason);

// One line from the test; exits at the end of input.
char *read_line(void);
