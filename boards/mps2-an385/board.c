// SPDX-License-Identifier: Apache-2.0
// Arm MPS2 with FPGA image AN385: device objects and start.
#include "hal/board.h"
#include "chip/mps2/mps2.h"
#include "drivers/flash/ram_nor.h"
#include "drivers/net/lan9118.h"
#include "drivers/uart/cmsdk.h"
#include "drivers/wdt/cmsdk.h"
#include "layout.h"

enum { BAUD = 115200 };

static const struct hal_flash_region regions[] = LAYOUT_FLASH_REGIONS;

const struct hal_uart board_uart = {.base = MPS2_UART0, .clk_hz = LAYOUT_CLK_HZ};
const struct hal_wdt board_wdt = {.base = MPS2_WATCHDOG, .clk_hz = LAYOUT_CLK_HZ};
const struct hal_flash board_flash = {
    .ops = &ram_nor_ops,
    .regions = regions,
    .n_regions = sizeof(regions) / sizeof(regions[0]),
    .size = LAYOUT_FLASH_SIZE,
    .program_bytes = LAYOUT_PROGRAM_BYTES,
    .erase_ms_max = LAYOUT_ERASE_MS_MAX,
    .base = LAYOUT_FLASH_BASE,
    .erased_value = LAYOUT_ERASED_VALUE,
};

static struct lan9118_state net_state;
static const struct lan9118 net = {
    .netif = {.ops = &lan9118_ops, .receive_frames = LAN9118_RECEIVE_FRAMES},
    .base = MPS2_LAN9118,
    .irq = MPS2_LAN9118_IRQ,
    .state = &net_state,
};
const struct hal_netif *const board_netif = &net.netif;

void board_init(void) {
    hal_timer_start();
    hal_uart_open(&board_uart, BAUD);
}
