// SPDX-License-Identifier: Apache-2.0
// The run loop on a clock of its own: order, steadiness, sleeping, over the wrap of the clock.
// sources: firmware/os/sched/cooperative/run.c
// include: firmware/os/sched/include firmware/os/time/include
#include "check.h"
#include "hal/err.h"
#include "hal/timer.h"
#include "hal/wdt.h"
#include "os/sched.h"
#include "os/time.h"
#include <setjmp.h>

static uint32_t now_ms, feeds, sleeps, slept_most_us;
static jmp_buf end;
static uint32_t end_ms;
static char order[64];

uint32_t os_now_ms(void) {
    return now_ms;
}

void hal_wdt_feed(void) {
    feeds++;
}

void hal_idle_for(uint32_t us) {
    sleeps++;
    slept_most_us = us > slept_most_us ? us : slept_most_us;
    now_ms += (us + 999) / 1000;
    if ((int32_t)(now_ms - end_ms) >= 0) {
        longjmp(end, 1);
    }
}

static void run_for(uint32_t ms) {
    end_ms = now_ms + ms;
    sleeps = slept_most_us = feeds = 0;
    if (setjmp(end) == 0) {
        os_run();
    }
}

static void note(char c) {
    size_t n = strlen(order);
    order[n] = c;
    order[n + 1] = '\0';
}

static void a(struct os_timer *t) {
    (void)t;
    note('a');
}

static void b(struct os_timer *t) {
    (void)t;
    note('b');
}

static uint32_t beats;

static void beat(struct os_timer *t) {
    beats++;
    now_ms += 3; // work takes time, the beat stays
    os_timer_again(t, 10);
}

static void timers_run_in_order(void) {
    static struct os_timer x, y, z;
    order[0] = '\0';
    os_timer_start(&x, 20, a);
    os_timer_start(&y, 10, b);
    os_timer_start(&z, 20, b); // due with x, after it
    run_for(50);
    CHECK(strcmp(order, "bab") == 0);
    order[0] = '\0';
    os_timer_start(&x, 10, a);
    os_timer_start(&y, 10, b);
    os_timer_stop(&x);
    os_timer_stop(&z);         // does not run
    os_timer_start(&y, 30, b); // moved, not doubled
    run_for(20);
    CHECK(strcmp(order, "") == 0);
    run_for(30);
    CHECK(strcmp(order, "b") == 0);
}

static void beat_does_not_drift(void) {
    static struct os_timer t;
    now_ms = UINT32_MAX - 200; // over the wrap
    os_timer_start(&t, 10, beat);
    run_for(1001);
    CHECK(beats == 100);
    os_timer_stop(&t);
}

static void sleep_is_bounded(void) {
    run_for(5000);
    CHECK(slept_most_us == 600000 && sleeps == 9 && feeds == sleeps);
}

static uint32_t polls, defers_left;
static struct os_poller busy;

static void deferred(void) {
    note('d');
    if (defers_left > 0) {
        defers_left--;
        CHECK(os_defer(deferred) == 0);
    }
}

static uint32_t poll(struct os_poller *p) {
    CHECK(p == &busy);
    polls++;
    if (polls == 3) {
        CHECK(os_defer(deferred) == 0);
    }
    return polls < 3 ? 0 : 5;
}

static void pollers_and_deferred_calls(void) {
    order[0] = '\0';
    defers_left = 2;
    busy.poll = poll;
    os_poller_add(&busy);
    run_for(100);
    CHECK(strcmp(order, "ddd") == 0);
    CHECK(slept_most_us == 5000 && polls > 20);
    for (int i = 0; i < 8; i++) {
        CHECK(os_defer(deferred) == 0);
    }
    CHECK(os_defer(deferred) == ERR_NO_MEMORY);
    order[0] = '\0';
    run_for(10);
    CHECK(strcmp(order, "dddddddd") == 0);
}

int main(void) {
    timers_run_in_order();
    beat_does_not_drift();
    sleep_is_bounded();
    pollers_and_deferred_calls();
    return 0;
}
