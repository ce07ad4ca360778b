// SPDX-License-Identifier: Apache-2.0
#include "os/start.h"

// The start code calls this; it stands for everything between reset and main.
void base_start(void);

void base_start(void) {
    os_init_components();
}
