// SPDX-License-Identifier: Apache-2.0
// Random bytes: HMAC_DRBG from the identity's seed, the boot count and hardware entropy.
#pragma once
#include "hal/language.h"
#include <stddef.h>

C_BEGIN

// Fill `to`. No two starts of a device give the same bytes. Not from an interrupt handler.
void os_random(void *to, size_t size);

C_END
