// SPDX-License-Identifier: Apache-2.0
// From the startup code to the application's main, and what is left when that returns.
#include "crc/crc32.h"
#include "hal/arch.h"
#include "hal/board.h"
#include "os/boot.h"
#include "os/reset.h"
#include "param/os_base.h"

void os_init_components(void); // generated: the components' init functions in order of dependency
_Noreturn void os_run(void);
int main(void);

extern void (*const hal_init_array_start[])(void);
extern void (*const hal_init_array_end[])(void);

static const struct handover *given;

const struct handover *os_handover(void) {
    static const struct handover none;
    return given != NULL ? given : &none;
}

static const struct handover *checked(const struct handover *h) {
    if (h != (const struct handover *)(hal_retained + RETAINED_HANDOVER_OFFSET) ||
        h->magic != HANDOVER_MAGIC || h->version != 1 ||
        h->crc != crc32(0, h, offsetof(struct handover, crc))) {
        return NULL;
    }
    return h;
}

_Noreturn void hal_main(const struct handover *handover) {
    hal_protect();
    board_init();
    hal_wdt_start(PARAM_OS_BASE_WATCHDOG_MS);
    given = checked(handover);
    for (void (*const *fn)(void) = hal_init_array_start; fn < hal_init_array_end; fn++) {
        (*fn)(); // constructors of C++ objects
    }
    os_init_components();
    if (os_handover()->mode == BOOT_NORMAL) {
        main();
    }
    os_run();
}

_Noreturn void os_reset(enum reset_reason reason) {
    hal_reset(reason);
}
