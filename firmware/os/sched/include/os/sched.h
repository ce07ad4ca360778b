// SPDX-License-Identifier: Apache-2.0
// The run loop: timers, pollers and deferred calls, all on the main stack, one after the other.
// Interrupts only wake it; there are no handlers.
#pragma once
#include "hal/language.h"
#include <stdint.h>

C_BEGIN

// The caller's memory; it must live while the timer runs.
struct os_timer {
    struct os_timer *next;
    void (*fn)(struct os_timer *timer);
    uint32_t due_ms; // os_now_ms
};

// Call `fn(timer)` once in `in_ms` (< 2^31). Restarts a running timer. For a steady beat start it
// again in `fn` with os_timer_again, which does not drift.
void os_timer_start(struct os_timer *timer, uint32_t in_ms, void (*fn)(struct os_timer *timer));

// Call it again `in_ms` after it was last due.
void os_timer_again(struct os_timer *timer, uint32_t in_ms);

// Harmless if it does not run.
void os_timer_stop(struct os_timer *timer);

// A device or stack that is looked at in each turn of the loop.
struct os_poller {
    struct os_poller *next;
    // Do what there is to do; return after how many ms to look again at the latest if no interrupt
    // wakes the loop before: 0 at once, UINT32_MAX if only an interrupt (hal_irq_wake) matters.
    uint32_t (*poll)(struct os_poller *poller);
};

void os_poller_add(struct os_poller *poller);

// Call `fn` in the next turn. At most 8 may wait: ERR_NO_MEMORY.
int os_defer(void (*fn)(void));

// Turn for ever: feed the watchdog, run what is due, sleep until there is more.
NORETURN void os_run(void);

C_END
