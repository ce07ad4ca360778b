// SPDX-License-Identifier: Apache-2.0
// Leaving the image.
#pragma once
#include "hal/language.h"
#include "hal/retained.h"

C_BEGIN

// Reset the board at once, telling the bootloader why: RESET_SOFTWARE. The other reasons belong to
// those who make them true (RESET_UPDATE starts an image that nobody ordered). Nothing is flushed.
NORETURN void os_reset(enum reset_reason reason);

C_END
