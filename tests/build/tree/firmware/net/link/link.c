// SPDX-License-Identifier: Apache-2.0
#include "net/link.h"
#include "os/heap.h"

int link_init(void) {
    return os_alloc(4) ? 0 : -1;
}
