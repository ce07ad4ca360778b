// SPDX-License-Identifier: Apache-2.0
// CFI NOR, Intel command set (JEDEC JEP137; Intel StrataFlash J3 data sheet, section 9).
// While a bank obeys a command its reads are status, code fetched from it included: the commands
// run from RAM, interrupts masked, and touch nothing but RAM and the bank.
#include "drivers/flash/cfi_nor.h"
#include "hal/arch.h"
#include "hal/err.h"
#include <string.h>

enum { BOUNCE_BYTES = 256 };

// Commands and status for both chips.
#define BOTH(value) ((uint32_t)(value) << 16 | (value))
static const uint32_t CLEAR_STATUS = BOTH(0x50);
static const uint32_t READ_ARRAY = BOTH(0xFF);
static const uint32_t WORD = BOTH(0x40);
static const uint32_t BUFFER = BOTH(0xE8);
static const uint32_t ERASE = BOTH(0x20);
static const uint32_t CONFIRM = BOTH(0xD0);
static const uint32_t READY = BOTH(0x80);
static const uint32_t FAILED = BOTH(0x3A); // erase, program, voltage, locked

// Back to reading; returns what the status was when the command was done.
RAM_FUNCTION static uint32_t finish(volatile uint32_t *at) {
    uint32_t status;
    do {
        status = *at;
    } while ((status & READY) != READY);
    *at = READ_ARRAY;
    return status;
}

// `from` lies in RAM and need not be aligned; `words` fit one buffer. A single word goes by its own
// command: QEMU 10 refuses a buffer of one.
RAM_FUNCTION static uint32_t program_words(volatile uint32_t *to, const uint8_t *from,
                                           uint32_t words) {
    *to = CLEAR_STATUS;
    if (words == 1) {
        *to = WORD;
    } else {
        do {
            *to = BUFFER;
        } while ((*to & READY) != READY);
        *to = BOTH(words - 1);
    }
    for (uint32_t i = 0; i < words; i++, from += 4) {
        to[i] =
            from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
    }
    if (words > 1) {
        *to = CONFIRM;
    }
    return finish(to);
}

RAM_FUNCTION static uint32_t erase_block(volatile uint32_t *at) {
    *at = CLEAR_STATUS;
    *at = ERASE;
    *at = CONFIRM;
    return finish(at);
}

static int read(const struct hal_flash *f, uint32_t offset, void *to, uint32_t size) {
    memcpy(to, (const void *)(f->base + offset), size);
    return 0;
}

static int program_piece(const struct hal_flash *f, uint32_t offset, const uint8_t *from,
                         uint32_t size) {
    const uint8_t *cells = (const uint8_t *)(f->base + offset);
    for (uint32_t i = 0; i < size; i++) {
        if (from[i] & ~cells[i]) {
            return ERR_IO; // NOR cannot set a bit; the emulator would
        }
    }
    uint32_t irq = hal_irq_lock();
    uint32_t status = program_words((volatile uint32_t *)cells, from, size / 4);
    hal_irq_unlock(irq);
    return status & FAILED ? ERR_IO : 0;
}

static int program(const struct hal_flash *f, uint32_t offset, const void *from, uint32_t size) {
    const uint8_t *p = from;
    bool in_flash = (uintptr_t)p - f->base < f->size;
    while (size > 0) {
        uint8_t bounce[BOUNCE_BYTES];
        uint32_t n = CFI_NOR_BUFFER_BYTES - offset % CFI_NOR_BUFFER_BYTES;
        n = n < size ? n : size;
        const uint8_t *piece = p;
        if (in_flash) {
            n = n < BOUNCE_BYTES ? n : BOUNCE_BYTES;
            piece = memcpy(bounce, p, n);
        }
        int err = program_piece(f, offset, piece, n);
        if (err < 0) {
            return err;
        }
        offset += n;
        p += n;
        size -= n;
    }
    return 0;
}

static int erase(const struct hal_flash *f, uint32_t offset, uint32_t block_size) {
    (void)block_size;
    uint32_t irq = hal_irq_lock();
    uint32_t status = erase_block((volatile uint32_t *)(f->base + offset));
    hal_irq_unlock(irq);
    return status & FAILED ? ERR_IO : 0;
}

const struct hal_flash_ops cfi_nor_ops = {.read = read, .program = program, .erase = erase};
