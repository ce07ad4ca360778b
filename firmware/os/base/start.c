// SPDX-License-Identifier: Apache-2.0
// From the startup code to the application's main, and what is left when that returns.
#include "hal/arch.h"
#include "hal/board.h"
#include "os/boot.h"
#include "os/reset.h"
#include "param/os_base.h"
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
    if (passed != h || h->magic != HANDOVER_MAGIC || h->version != 1) {
        memset(h, 0, sizeof(*h));
    }
}

_Noreturn void hal_main(const struct handover *handover) {
    hal_protect();
    board_init();
    hal_wdt_start(PARAM_OS_BASE_WATCHDOG_MS);
    check_handover(handover);
    for (void (*const *fn)(void) = hal_init_array_start; fn < hal_init_array_end; fn++) {
        (*fn)(); // constructors of C++ objects
    }
    os_init_components();
    if (os_handover()->mode == BOOT_NORMAL) {
        int (*app)(void) = main;
        __asm__("" : "+r"(app)); // kept a function of its own: `break main` works in a debugger
        app();
    }
    os_run();
}

_Noreturn void os_reset(enum reset_reason reason) {
    hal_reset(reason);
}
