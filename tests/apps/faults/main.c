// SPDX-License-Identifier: Apache-2.0
// Does on command what no application should: one key on the console, one kind of fault.
#include "hal/arch.h"
#include "hal/board.h"
#include "os/boot.h"
#include "os/log.h"
#include "os/panic.h"
#include "os/reset.h"
#include "os/sched.h"
#include <string.h>

enum { LOOK_MS = 5, CODE_BYTES = 16 };

typedef int (*function)(void);

__attribute__((noinline)) static int probe(void) {
    return 1;
}

static uint8_t data_code[CODE_BYTES] __attribute__((aligned(4)));
static volatile uint32_t zero; // what the compiler must not know

__attribute__((noinline)) static int deep(uint32_t n) {
    volatile uint32_t frame[8];
    frame[n & 7] = n;
    return deep(n + 1) + (int)frame[n & 3];
}

// `probe`'s code as bytes elsewhere.
static function copy_of(void *to) {
    uintptr_t from = (uintptr_t)(function)probe;
    memcpy(to, (const void *)(from & ~(uintptr_t)1), CODE_BYTES);
    return (function)((uintptr_t)to | (from & 1));
}

static void run_in_slot(int slot, uint32_t offset) {
    uintptr_t at = board_flash.base + board_layout.slot[slot].offset + offset;
    ((function)(at | ((uintptr_t)(function)probe & 1)))();
}

static void act(char key) {
    uint8_t stack_code[CODE_BYTES] __attribute__((aligned(4)));
    switch (key) {
    case 'w':
        *(volatile uint32_t *)(uintptr_t)(zero + 4) = 1;
        break;
    case 'r':
        LOG("%u", *(volatile uint32_t *)(uintptr_t)(zero + 8));
        break;
    case 'u': // the last but three words of the address space
        LOG("%u", *(volatile uint32_t *)((uintptr_t)zero - 16));
        break;
    case 'c':
        ((function)(uintptr_t)(zero | ((uintptr_t)(function)probe & 1)))();
        break;
    case 's':
        copy_of(stack_code)();
        break;
    case 'd':
        copy_of(data_code)();
        break;
    case 'o':
        deep(1);
        break;
    case 'k':
        *((volatile uint32_t *)(uintptr_t)hal_body_start + 1 + zero) = 0;
        break;
    case 'x':
        run_in_slot(os_handover()->slot == 0, 0x400);
        break;
    case 'y': // behind the image
        run_in_slot(os_handover()->slot, board_layout.slot[0].size / 2);
        break;
    case 'b':
        *(volatile uint32_t *)(hal_stack_start - 4 + zero) = 1;
        break;
    case 'a':
        ASSERT(zero == 1);
        break;
    case 'p':
        os_panic("by request");
    case 'h':
        for (;;) {
            zero = 0;
        }
    case 'R':
        os_reset(RESET_SOFTWARE);
    default:
        return;
    }
    LOG("not trapped");
}

static uint32_t look(struct os_poller *poller) {
    (void)poller;
    char key;
    if (hal_uart_read(&board_uart, &key, 1) == 1) {
        act(key);
    }
    return LOOK_MS;
}

int main(void) {
    static struct os_poller poller = {.poll = look};
    const struct handover *h = os_handover();
    LOG("ready, slot %c, start %u, reason %u", "AB"[h->slot], h->boot_count, h->reset_reason);
    os_poller_add(&poller);
    return 0;
}
