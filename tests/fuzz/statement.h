// SPDX-License-Identifier: Apache-2.0
// Signed statements in the world of a fuzz target, where every signature is right: what lies behind
// it is read too, as if its maker were the enemy.
#pragma once
#include <stddef.h>
#include <stdint.h>

// A COSE_Sign1 of this payload under this key (X‖Y), in a block of its own size; the caller frees
// it.
uint8_t *statement_make(const uint8_t key[64], uint32_t typ, const uint8_t *payload,
                        size_t payload_size, size_t *size);
