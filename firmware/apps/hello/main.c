// SPDX-License-Identifier: Apache-2.0
// The smallest application: a greeting, then a line every ten seconds.
#include "hal/board_name.h"
#include "os/log.h"
#include "os/sched.h"

enum { BEAT_MS = 10000 };

static void beat(struct os_timer *timer) {
    LOG("still here");
    os_timer_again(timer, BEAT_MS);
}

int main(void) {
    static struct os_timer timer;
    LOG("hello from %s", board_name);
    os_timer_start(&timer, BEAT_MS, beat);
    return 0;
}
