// SPDX-License-Identifier: Apache-2.0
// Arm CMSDK APB UART, polled.
#include "drivers/uart/cmsdk.h"
#include "hal/err.h"

struct registers {
    volatile uint32_t data;
    volatile uint32_t state;
    volatile uint32_t control;
    volatile uint32_t interrupt;
    volatile uint32_t divider;
};

enum { TX_FULL = 1, RX_FULL = 2, ENABLE_BOTH = 3, DIVIDER_MIN = 16, DIVIDER_MAX = 0xFFFFF };

int hal_uart_open(const struct hal_uart *u, uint32_t baud) {
    struct registers *r = (struct registers *)u->base;
    uint32_t divider = u->clk_hz / baud;
    if (divider < DIVIDER_MIN || divider > DIVIDER_MAX) {
        return ERR_RANGE;
    }
    r->divider = divider;
    r->control = ENABLE_BOTH;
    return 0;
}

void hal_uart_write(const struct hal_uart *u, const void *data, size_t size) {
    struct registers *r = (struct registers *)u->base;
    for (const uint8_t *p = data; size > 0; size--) {
        while (r->state & TX_FULL) {
        }
        r->data = *p++;
    }
}

size_t hal_uart_read(const struct hal_uart *u, void *to, size_t size) {
    struct registers *r = (struct registers *)u->base;
    uint8_t *p = to;
    size_t n = 0;
    while (n < size && r->state & RX_FULL) {
        p[n++] = (uint8_t)r->data;
    }
    return n;
}
