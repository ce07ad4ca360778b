// SPDX-License-Identifier: Apache-2.0
// A device in the simulator: the real bootloader on simulated flash, and what stands in for the
// application's update agent.
#pragma once
#include "hal/retained.h"
#include "nor.h"
#include "slots/slots.h"

enum { IMAGES_MAX = 8 };

// A signed file, and what it looks like once it lies in each slot.
struct image_file {
    uint8_t *bytes;
    uint32_t size;
    uint8_t digest[32];
    uint32_t counter;
    uint8_t *placed[SLOT_COUNT];
};
extern struct image_file images[IMAGES_MAX];
extern int n_images;

// boot_params.bin, identity.bin, image0.bin ... of `folder`, made for this geometry.
void device_load(const char *folder, const struct geometry *geometry);
// A blank flash with identity, and image `image` in slot A, confirmed, started once.
void device_make(int image);

enum boot_end { BOOT_JUMPED, BOOT_STUCK, BOOT_POWER_LOST };
// Reset with this cause (power-on spoils the retained RAM). After BOOT_JUMPED the handover counts.
enum boot_end device_boot(enum reset_reason reason);
extern struct handover handover;
extern char console[4096]; // of the last boot

enum behaviour {
    CONFIRMS,
    CRASHES,
    GIVES_UP,
    OTHER_CRASHES, // what runs now is confirmed and does not stay up; the goal is the other
};
struct goal {
    int image;
    enum behaviour behaviour;
};
// Runs and updates the device until the goal is reached, whatever is cut on the way.
// Returns how many boots that took.
uint32_t device_drive(struct goal goal, enum reset_reason reason);

extern uint32_t device_boots;   // since the program began
extern uint32_t device_resumes; // installs that went on behind their beginning

// The last boot count handed over: it must never repeat. Goes with a snapshot of the flash.
extern uint32_t device_count;
