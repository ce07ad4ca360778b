// SPDX-License-Identifier: Apache-2.0
// Intel 6300ESB watchdog. Two stages of half the time each; the second resets.
#include "drivers/wdt/i6300esb.h"
#include "hal/err.h"
#include <stdbool.h>

enum {
    ID = 0x25AB8086,
    CONFIG_COMMAND = 4 / 4,
    CONFIG_BAR0 = 0x10 / 4,
    CONFIG_MODE = 0x60 / 4, // and LOCK at 0x68
    CONFIG_LOCK = 0x68 / 4,
    COMMAND_MEMORY = 2,
    MODE_NO_INTERRUPT = 3, // first stage silent; 1 kHz, reset enabled
    LOCK_ENABLE = 2,
    TIMER1 = 0,
    TIMER2 = 1,
    RELOAD = 0xC / 2, // 16 bits wide
    RELOAD_NOW = 0x100,
    TICKS_MAX = 0xFFFFF,
};

static bool running;

static volatile uint16_t *reload(void) {
    return (volatile uint16_t *)board_wdt.memory + RELOAD;
}

// Every write to a register needs these two before it.
static void unlock(void) {
    *reload() = 0x80;
    *reload() = 0x86;
}

static void write(uint32_t word, uint32_t value) {
    unlock();
    ((volatile uint32_t *)board_wdt.memory)[word] = value;
}

int hal_wdt_start(uint32_t timeout_ms) {
    volatile uint32_t *config = (volatile uint32_t *)board_wdt.config;
    uint32_t ticks = timeout_ms / 2;
    if (ticks == 0 || ticks > TICKS_MAX) {
        return ERR_RANGE;
    }
    if (config[0] != ID) {
        return ERR_IO;
    }
    config[CONFIG_BAR0] = (uint32_t)board_wdt.memory;
    config[CONFIG_COMMAND] = COMMAND_MEMORY;
    write(TIMER1, ticks);
    write(TIMER2, ticks);
    *(volatile uint16_t *)&config[CONFIG_MODE] = MODE_NO_INTERRUPT;
    *(volatile uint8_t *)&config[CONFIG_LOCK] = LOCK_ENABLE;
    running = true;
    hal_wdt_feed();
    return 0;
}

void hal_wdt_feed(void) {
    if (running) {
        unlock();
        *reload() = RELOAD_NOW;
    }
}
