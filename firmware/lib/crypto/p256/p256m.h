// SPDX-License-Identifier: Apache-2.0
// Brings Mbed TLS's p256-m, unmodified, into the source that includes this. p256_verify.c and
// p256_ecdh.c do, each with its own multiplication. Declared static beforehand, its functions stay
// inside that source: the two do not collide, and what is not called is dropped.
#pragma once
#include <stddef.h>
#include <stdint.h>

static int p256_generate_random(uint8_t *output, unsigned output_size);
static int p256_gen_keypair(uint8_t priv[32], uint8_t pub[64]);
static int p256_ecdh_shared_secret(uint8_t secret[32], const uint8_t priv[32],
                                   const uint8_t pub[64]);
static int p256_ecdsa_sign(uint8_t sig[64], const uint8_t priv[32], const uint8_t *hash,
                           size_t hlen);
static int p256_ecdsa_verify(const uint8_t sig[64], const uint8_t pub[64], const uint8_t *hash,
                             size_t hlen);
static int p256_validate_pubkey(const uint8_t pub[64]);
static int p256_validate_privkey(const uint8_t priv[32]);
static int p256_public_from_private(uint8_t pub[64], const uint8_t priv[32]);

#define MBEDTLS_PSA_P256M_DRIVER_ENABLED

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wredundant-decls"
#include "p256-m.c" // NOLINT(bugprone-suspicious-include): only what is called is linked
#pragma GCC diagnostic pop
