// SPDX-License-Identifier: Apache-2.0
// The strict reader of keysets, for tests.
#pragma once
#include "slots/trust.h"

// Form, root signature, VID, fleet. ERR_FORMAT, ERR_RANGE, ERR_UNSUPPORTED, ERR_SIGNATURE,
// ERR_IDENTITY.
int strict_keyset(struct keyset *out, const uint8_t *bytes, uint32_t size,
                  const struct boot_params *params);
