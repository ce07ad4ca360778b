// SPDX-License-Identifier: Apache-2.0
// Where Arm's MPS2 FPGA image AN385 has its devices (application note DAI 0385D).
#pragma once

enum {
    MPS2_UART0 = 0x40004000,
    MPS2_WATCHDOG = 0x40008000,
    MPS2_FPGAIO = 0x40028000,
    MPS2_LAN9118 = 0x40200000,
    MPS2_LAN9118_IRQ = 13,
};
