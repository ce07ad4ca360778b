// SPDX-License-Identifier: Apache-2.0
// The run loop (os/sched.h).
#include "hal/err.h"
#include "hal/timer.h"
#include "hal/wdt.h"
#include "os/sched.h"
#include "os/time.h"
#include <stddef.h>

enum { DEFERRED_MAX = 8, SLEEP_MS_MAX = 600 };

static struct os_timer *timers; // by due time
static struct os_poller *pollers;
static void (*deferred[DEFERRED_MAX])(void);
static uint32_t n_deferred;
static uint32_t wakes; // by os_defer: something waits for the next turn

static void insert(struct os_timer *timer, uint32_t due_ms) {
    timer->due_ms = due_ms;
    struct os_timer **at = &timers;
    while (*at != NULL && (int32_t)(due_ms - (*at)->due_ms) >= 0) {
        at = &(*at)->next;
    }
    timer->next = *at;
    *at = timer;
}

void os_timer_stop(struct os_timer *timer) {
    struct os_timer **at = &timers;
    while (*at != NULL && *at != timer) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = timer->next;
    }
}

void os_timer_start(struct os_timer *timer, uint32_t in_ms, void (*fn)(struct os_timer *timer)) {
    os_timer_stop(timer);
    timer->fn = fn;
    insert(timer, os_now_ms() + in_ms);
}

void os_timer_again(struct os_timer *timer, uint32_t in_ms) {
    os_timer_stop(timer);
    insert(timer, timer->due_ms + in_ms);
}

void os_poller_add(struct os_poller *poller) {
    poller->next = pollers;
    pollers = poller;
}

// Those that are deferred meanwhile wait for the next turn.
static uint32_t poll_deferred(struct os_poller *poller) {
    (void)poller;
    void (*batch[DEFERRED_MAX])(void);
    uint32_t n = n_deferred;
    for (uint32_t i = 0; i < n; i++) {
        batch[i] = deferred[i];
    }
    n_deferred = 0;
    for (uint32_t i = 0; i < n; i++) {
        batch[i]();
    }
    return UINT32_MAX;
}

// All of it vanishes from images that never defer: the loop itself only looks at `wakes`.
int os_defer(void (*fn)(void)) {
    static struct os_poller poller;
    if (poller.poll == NULL) {
        poller.poll = poll_deferred;
        os_poller_add(&poller);
    }
    wakes++;
    if (n_deferred == DEFERRED_MAX) {
        return ERR_NO_MEMORY;
    }
    deferred[n_deferred++] = fn;
    return 0;
}

// Runs the first timer if it is due; returns in how many ms the next one is.
static uint32_t run_timer(void) {
    struct os_timer *timer = timers;
    if (timer == NULL) {
        return UINT32_MAX;
    }
    int32_t left_ms = (int32_t)(timer->due_ms - os_now_ms());
    if (left_ms > 0) {
        return (uint32_t)left_ms;
    }
    timers = timer->next;
    timer->fn(timer);
    return 0;
}

static uint32_t run_pollers(uint32_t wait_ms) {
    for (struct os_poller *p = pollers; p != NULL; p = p->next) {
        uint32_t ms = p->poll(p);
        wait_ms = ms < wait_ms ? ms : wait_ms;
    }
    return wait_ms;
}

_Noreturn void os_run(void) {
    for (;;) {
        hal_wdt_feed();
        uint32_t wakes_before = wakes;
        uint32_t wait_ms = run_pollers(run_timer());
        if (wait_ms > 0 && wakes == wakes_before) {
            hal_idle_for((wait_ms < SLEEP_MS_MAX ? wait_ms : SLEEP_MS_MAX) * 1000);
        }
    }
}
