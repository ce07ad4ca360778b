// SPDX-License-Identifier: Apache-2.0
// From the startup code to the application's main, and what is left when that returns.
#include "hal/arch.h"
#include "hal/board.h"
#include "layout.h"
#include "os/boot.h"
#include "os/panic.h"
#include "os/reset.h"
#include "param/os_base.h"
#include <stdbool.h>
#include <string.h>

void os_init_components(void); // generated: the components' init functions in order of dependency
_Noreturn void os_run(void);
int main(void);

extern void (*const hal_init_array_start[])(void);
extern void (*const hal_init_array_end[])(void);

static struct handover *retained(void) {
    return (struct handover *)(hal_retained + RETAINED_HANDOVER_OFFSET);
}

const struct handover *os_handover(void) {
    return retained();
}

// The entry ABI's argument says that the bootloader has just written it, so its CRC is not needed.
// What nobody wrote becomes zeros, in place.
static void check_handover(const struct handover *passed) {
    struct handover *h = retained();
    if (passed != h || h->magic != HANDOVER_MAGIC || h->version == 0) {
        memset(h, 0, sizeof(*h));
    }
}

// Objects of C++.
static void construct(void) {
    for (void (*const *fn)(void) = hal_init_array_start; fn < hal_init_array_end; fn++) {
        (*fn)();
    }
}

_Static_assert(PARAM_OS_BASE_WATCHDOG_MS > 2 * LAYOUT_ERASE_MS_MAX,
               "os/base.watchdog_ms must exceed twice the board's erase_ms_max");

_Noreturn void hal_main(const struct handover *handover) {
    hal_protect();
    board_init();
    if (hal_wdt_start(PARAM_OS_BASE_WATCHDOG_MS) < 0) {
        os_panic("the watchdog does not start");
    }
    check_handover(handover);
    bool normal = os_handover()->mode == BOOT_NORMAL || !os_rescues();
    if (normal) {
        construct();
    }
    os_init_components();
    if (normal) {
        int (*app)(void) = main;
        __asm__("" : "+r"(app)); // kept a function of its own: `break main` works in a debugger
        app();
    }
    os_run();
}

_Noreturn void os_reset(enum reset_reason reason) {
    ASSERT(reason == RESET_SOFTWARE);
    hal_reset(reason);
}
