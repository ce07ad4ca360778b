// SPDX-License-Identifier: Apache-2.0
// What the bootloader says on the console.
#pragma once
#include <stdint.h>

void boot_say(const char *text);
void boot_say_number(uint32_t value);

// Why slot_check() or trust_load() refused.
const char *boot_reason(int err);
// What a slot state is called.
const char *boot_state(uint8_t state);
