// $name: says hello, then reports every second.
#include "os/log.h"
#include "os/sched.h"
#include "os/time.h"
#include <stdint.h>

static struct os_timer beat;

static void on_beat(struct os_timer *timer) {
    LOG("alive for %u s", os_now_ms() / 1000);
    os_timer_again(timer, 1000);
}

// Set things up and return: the run loop then calls timers for ever and feeds the watchdog.
int main(void) {
    LOG("hello from $name");
    os_timer_start(&beat, 1000, on_beat);
    return 0;
}
