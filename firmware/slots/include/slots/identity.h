// SPDX-License-Identifier: Apache-2.0
// The device's identity, written when it was provisioned (docs/flash.md).
#pragma once
#include "hal/flash.h"
#include "hal/language.h"

C_BEGIN

enum { IDENTITY_DEVELOPMENT = 1, IDENTITY_KEY_ABSENT = 2, IDENTITY_URL_MAX = 128 };

struct identity {
    uint32_t flags;
    uint8_t device_key[32]; // private: never leaves the device
    uint8_t public_key[64]; // X||Y
    uint8_t seed[32];       // of the random generator
    uint8_t token[16];      // enrolment, zeros = none
    char url[IDENTITY_URL_MAX + 1];
};

// The last whole record. ERR_NOT_FOUND: not provisioned. ERR_FORMAT: its URL is too long. Of the
// flash ERR_ECC, ERR_ERASED.
int identity_load(struct identity *out, const struct hal_layout *layout);

// Only the flags, 0 where there is no identity.
uint32_t identity_flags(const struct hal_layout *layout);

// First 16 bytes of SHA-256(X||Y).
void identity_device_id(const struct identity *identity, uint8_t id[16]);

C_END
