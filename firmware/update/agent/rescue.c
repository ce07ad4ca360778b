// SPDX-License-Identifier: Apache-2.0
// Safe mode makes sense where this agent is: it can put another image in place of one that crashes.
#include "os/boot.h"

bool os_rescues(void) {
    return true;
}
