// SPDX-License-Identifier: Apache-2.0
// A driver that does nothing.
void hal_uart_nothing(void);

void hal_uart_nothing(void) {
}
