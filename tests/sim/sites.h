// SPDX-License-Identifier: Apache-2.0
// Included before every simulated source: notes which call reaches the flash, so that the campaign
// can prove that each was cut. Macros, because the callers must stay as they are.
#pragma once
#include "hal/flash.h"

void sim_site(const char *file, int line);

#define hal_flash_program(...) (sim_site(__FILE__, __LINE__), hal_flash_program(__VA_ARGS__))
#define hal_flash_erase(...) (sim_site(__FILE__, __LINE__), hal_flash_erase(__VA_ARGS__))
