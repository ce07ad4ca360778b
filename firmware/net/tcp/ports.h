// SPDX-License-Identifier: Apache-2.0
// Which local port comes next. Pure; not who holds it.
#pragma once
#include <stdint.h>

enum {
    PORT_FIRST = 49152, // RFC 6335: the dynamic ports, up to 65535
    PORT_STEP_MAX = 512,
};

// The port after `last`, by random increments (RFC 6056, algorithm 5): nobody off the path guesses
// it, and none returns within the next (65536 - PORT_FIRST) / PORT_STEP_MAX - 1 connections. One
// that returns at once meets the end of its predecessor at the other side, and is reset.
uint16_t port_after(uint16_t last, uint16_t random);
