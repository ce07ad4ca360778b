// SPDX-License-Identifier: Apache-2.0
// NS16550A UART, polled.
#include "drivers/uart/ns16550.h"
#include "hal/err.h"

enum {
    DATA = 0, // divisor, low half, while LCR_DIVISOR is set
    DIVISOR_HIGH = 1,
    FIFO = 2,
    LCR = 3,
    LSR = 5,
    LCR_8N1 = 3,
    LCR_DIVISOR = 0x80,
    FIFO_ON_AND_CLEAR = 7,
    LSR_RX_READY = 1,
    LSR_TX_EMPTY = 0x20,
    CLOCKS_PER_BIT = 16,
};

int hal_uart_open(const struct hal_uart *u, uint32_t baud) {
    volatile uint8_t *r = (volatile uint8_t *)u->base;
    uint32_t divisor = u->clk_hz / CLOCKS_PER_BIT / baud;
    if (divisor == 0 || divisor > 0xFFFF) {
        return ERR_RANGE;
    }
    r[LCR] = LCR_DIVISOR;
    r[DATA] = (uint8_t)divisor;
    r[DIVISOR_HIGH] = (uint8_t)(divisor >> 8);
    r[LCR] = LCR_8N1;
    r[FIFO] = FIFO_ON_AND_CLEAR;
    return 0;
}

void hal_uart_write(const struct hal_uart *u, const void *data, size_t size) {
    volatile uint8_t *r = (volatile uint8_t *)u->base;
    for (const uint8_t *p = data; size > 0; size--) {
        while (!(r[LSR] & LSR_TX_EMPTY)) {
        }
        r[DATA] = *p++;
    }
}

size_t hal_uart_read(const struct hal_uart *u, void *to, size_t size) {
    volatile uint8_t *r = (volatile uint8_t *)u->base;
    uint8_t *p = to;
    size_t n = 0;
    while (n < size && r[LSR] & LSR_RX_READY) {
        p[n++] = r[DATA];
    }
    return n;
}
