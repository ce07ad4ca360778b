// SPDX-License-Identifier: Apache-2.0
// What an application may ask of, and tell, the update agent. All of it works from the run loop
// only, not from interrupts. The agent runs by itself; an app that calls nothing is kept up to
// date.
#pragma once
#include "hal/language.h"
#include <stdbool.h>
#include <stdint.h>

C_BEGIN

struct update_status {
    const char *doing;  // "offline", "waiting", "polling", "downloading", "pausing", "checking" …
    char device_id[33]; // hex
    bool enrolled;      // the server gave a generation
    bool confirmed;     // the running image is; false: it goes back unless the server confirms
    bool ready;         // another image waits in the other slot
    bool held;          // the app forbids the restart
    uint32_t polls;     // requests sent in this boot
    uint32_t answers;   // of them accepted
    uint32_t refused;   // answers that did not verify, in this boot
    uint32_t received_bytes; // of the blob being downloaded
    uint32_t total_bytes;
    int last_error; // enum err or 0
};

// Fill `out`; never fails.
void update_status(struct update_status *out);

// While held, the agent downloads and polls but does not restart into a new image.
// A new image that nobody confirms still goes back in time.
void update_hold(bool hold);

// The app finds itself working. Needed before a confirmation counts where
// update/agent.wants_health is 1; harmless elsewhere.
void update_healthy(void);

// For the generated init: starts the agent, which tries again and again if the device has no
// identity or no keyset. 0: cannot fail, the app works all the same.
int update_init(void);

C_END
