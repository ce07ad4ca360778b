// SPDX-License-Identifier: Apache-2.0
// RAM that survives reset: how boot, application and tools tell each other what happened.
// Every struct carries magic, size, version and CRC-32; a wrong one reads as absent. docs/flash.md.
#pragma once
#include "hal/language.h"
#include <stdint.h>

enum {
    RETAINED_RESET_CAUSE_OFFSET = 0,
    RETAINED_HANDOVER_OFFSET = 16,
    RETAINED_CRASH_OFFSET = 128,
    RETAINED_BYTES_MIN = 1024,
};

enum reset_reason {
    RESET_POWER_ON = 1,
    RESET_SOFTWARE = 2, // the application asked
    RESET_WATCHDOG = 3,
    RESET_PANIC = 4,
    RESET_UPDATE = 5,   // the update agent asked, to start another image
    RESET_EXTERNAL = 6, // reset pin or debugger
};

enum {
    RESET_CAUSE_MAGIC = 0x43545352, // "RSTC"
    RESET_CAUSE_VERSION = 1,
};

struct reset_cause {
    uint32_t magic;
    uint16_t size;    // 16
    uint16_t version; // RESET_CAUSE_VERSION
    uint32_t reason;
    uint32_t crc; // CRC-32 (IEEE) of the bytes before
};

enum {
    HANDOVER_MAGIC = 0x4F485455, // "UTHO"
    HANDOVER_VERSION = 1,
};

enum boot_mode { BOOT_NORMAL = 0, BOOT_SAFE = 1 };

// What the bootloader hands to the image; r0/a0 points to it (entry ABI). A later version only
// gives meaning to what is reserved here, and an image takes any version from 1 on: bootloaders and
// images are older and newer than each other.
struct handover {
    uint32_t magic;
    uint16_t size;         // 112
    uint16_t version;      // HANDOVER_VERSION
    uint32_t slot_base;    // CPU address of the running slot's header
    uint32_t boot_count;   // never repeats on a device
    uint32_t floor;        // lowest security counter that may run
    uint32_t keyset_epoch; // of the keyset that vouched for this image
    uint32_t phase_us[4];  // or instructions where there is no clock: init, journal, verify, total
    uint32_t boot_version; // the bootloader's own
    uint32_t boot_params;  // CPU address of struct boot_params
    uint8_t slot;          // 0 A, 1 B
    uint8_t state;         // enum slot_state: SLOT_TRYING or SLOT_CONFIRMED
    uint8_t tries;         // starts of this image since it became trying, this one included
    uint8_t mode;          // enum boot_mode
    uint8_t reset_reason;  // enum reset_reason
    uint8_t crashes;       // resets in a row by the watchdog or a panic
    uint8_t reserved[2];
    uint8_t image_digest[32];
    uint8_t pad[20];
    uint32_t crc;
};
STATIC_ASSERT(sizeof(struct handover) == 112, "handover is a stored format");
