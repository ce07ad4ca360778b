// SPDX-License-Identifier: Apache-2.0
// Text for people at the console, one reason each; nothing here decides anything.
#include "report.h"

#include "hal/board.h"
#include "hal/err.h"
#include "slots/slots.h"

#include <string.h>

void boot_say(const char *text) {
    hal_uart_write(&board_uart, text, strlen(text));
}

void boot_say_number(uint32_t value) {
    char digits[11];
    char *p = digits + sizeof(digits) - 1;
    *p = '\0';
    do {
        *--p = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    boot_say(p);
}

const char *boot_reason(int err) {
    static const char *const reason[] = {
        [-ERR_ERASED] = "empty",
        [-ERR_FORMAT] = "not a whole image",
        [-ERR_UNSUPPORTED] = "of a form that this bootloader does not know",
        [-ERR_NO_SPACE] = "longer than its slot",
        [-ERR_NOT_FOUND] = "none that reaches the journal's epoch",
        [-ERR_SIGNATURE] = "not signed by a key of ours",
        [-ERR_DIGEST] = "content does not have its digest",
        [-ERR_IDENTITY] = "for another product or hardware",
        [-ERR_ROLLBACK] = "security counter below the floor",
        [-ERR_RELOCATION] = "relocation table breaks the rules",
        [-ERR_SLOT_BOUND] = "linked for another address, without a relocation table",
    };
    uint32_t n = (uint32_t)-err;
    bool known = n < sizeof(reason) / sizeof(reason[0]) && reason[n] != NULL;
    return known ? reason[n] : "the hardware does not do it";
}

const char *boot_state(uint8_t state) {
    static const char *const name[] = {
        [SLOT_EMPTY] = "empty",       [SLOT_INSTALLING] = "half written", [SLOT_READY] = "ready",
        [SLOT_TRYING] = "trying",     [SLOT_CONFIRMED] = "confirmed",     [SLOT_BAD] = "bad",
        [SLOT_REVERTED] = "reverted",
    };
    return state < sizeof(name) / sizeof(name[0]) ? name[state] : "unknown";
}
