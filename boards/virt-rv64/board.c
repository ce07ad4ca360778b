// SPDX-License-Identifier: Apache-2.0
// QEMU virt, RISC-V 64 bits: device objects and start.
#include "hal/board.h"
#include "chip/virt/virt.h"
#include "drivers/flash/cfi_nor.h"
#include "drivers/net/virtio_net.h"
#include "drivers/rng/virtio_rng.h"
#include "drivers/uart/ns16550.h"
#include "drivers/wdt/i6300esb.h"
#include "layout.h"

enum {
    BAUD = 115200,
    WDT_CONFIG = VIRT_PCI_CONFIG + (1 << 15), // bus 0, device 1
};

static const struct hal_flash_region regions[] = LAYOUT_FLASH_REGIONS;

const struct hal_uart board_uart = {.base = VIRT_UART0, .clk_hz = VIRT_UART_CLOCK_HZ};
const struct hal_wdt board_wdt = {.config = WDT_CONFIG, .memory = VIRT_PCI_MEMORY};
const struct hal_rng board_rng = {.base = VIRT_VIRTIO_RNG};
const struct hal_flash board_flash = {
    .ops = &cfi_nor_ops,
    .regions = regions,
    .n_regions = sizeof(regions) / sizeof(regions[0]),
    .size = LAYOUT_FLASH_SIZE,
    .program_bytes = LAYOUT_PROGRAM_BYTES,
    .erase_ms_max = LAYOUT_ERASE_MS_MAX,
    .base = LAYOUT_FLASH_BASE,
    .erased_value = LAYOUT_ERASED_VALUE,
};

static struct virtio_net_state net_state;
static const struct virtio_net net = {
    .netif = {.ops = &virtio_net_ops, .receive_frames = VIRTIO_NET_RECEIVE_FRAMES},
    .base = VIRT_VIRTIO_NET,
    .irq = VIRT_VIRTIO_NET_IRQ,
    .state = &net_state,
};
const struct hal_netif *const board_netif = &net.netif;

void board_init(void) {
    hal_timer_start();
    hal_uart_open(&board_uart, BAUD);
}
