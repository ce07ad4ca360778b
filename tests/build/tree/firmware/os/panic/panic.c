// SPDX-License-Identifier: Apache-2.0
#include "os/panic.h"

_Noreturn void os_panic(const char *reason) {
    (void)reason;
    for (;;) {
    }
}
