// SPDX-License-Identifier: Apache-2.0
// What the bootloader told this image.
#pragma once
#include "hal/language.h"
#include "hal/retained.h"
#include <stdbool.h>

C_BEGIN

// Never null. Started without a bootloader (or with a damaged handover) all of it is zero.
const struct handover *os_handover(void);

// Whether something in this image can replace it: then safe mode (BOOT_SAFE) leaves out C++ objects
// and main. update/agent defines it; without one safe mode would only be a standstill.
bool os_rescues(void);

C_END
