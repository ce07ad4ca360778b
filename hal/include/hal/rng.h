// SPDX-License-Identifier: Apache-2.0
// True random numbers from hardware. Boards without a source link rng/none.
#pragma once
#include "hal/language.h"
#include <stddef.h>

C_BEGIN

// Fill `to`. ERR_UNSUPPORTED where there is no source, ERR_TIMED_OUT if it gives nothing.
int hal_rng_read(void *to, size_t size);

C_END
