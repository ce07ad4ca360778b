// SPDX-License-Identifier: Apache-2.0
// Where QEMU's RISC-V "virt" machine has its devices (hw/riscv/virt.c, the same since QEMU 5).
#pragma once

enum {
    VIRT_FINISHER = 0x00100000,
    VIRT_CLINT = 0x02000000,
    VIRT_PLIC = 0x0C000000,
    VIRT_UART0 = 0x10000000,
    VIRT_VIRTIO_NET = 0x10008000, // slots fill from the top, in the order of board.toml's arguments
    VIRT_VIRTIO_NET_IRQ = 8,
    VIRT_VIRTIO_RNG = 0x10007000,
    VIRT_PCI_CONFIG = 0x30000000,
    VIRT_PCI_MEMORY = 0x40000000,
    VIRT_CLOCK_HZ = 10000000, // of the CLINT's counter
    VIRT_UART_CLOCK_HZ = 3686400,
};
