// SPDX-License-Identifier: Apache-2.0
// What the bootloader told this image.
#pragma once
#include "hal/language.h"
#include "hal/retained.h"

C_BEGIN

// Never null. Started without a bootloader (or with a damaged handover) all of it is zero.
const struct handover *os_handover(void);

C_END
