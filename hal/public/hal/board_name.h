// SPDX-License-Identifier: Apache-2.0
// The board that this image was built for.
#pragma once
#include "hal/language.h"

C_BEGIN

// Its folder under boards/ (hal/layout.c).
extern const char board_name[];

C_END
