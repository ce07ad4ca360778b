// SPDX-License-Identifier: Apache-2.0
// Random increments, wrapping within the dynamic ports.
#include "ports.h"

uint16_t port_after(uint16_t last, uint16_t random) {
    uint32_t step = 1U + random % PORT_STEP_MAX;
    return (uint16_t)(PORT_FIRST | (last + step));
}
