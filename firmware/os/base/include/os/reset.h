// SPDX-License-Identifier: Apache-2.0
// Leaving the image.
#pragma once
#include "hal/retained.h"

// Reset the board at once, telling the bootloader why. Nothing is flushed.
_Noreturn void os_reset(enum reset_reason reason);
