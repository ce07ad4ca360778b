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
    switch (err) {
    case ERR_ERASED:
        return "empty";
    case ERR_FORMAT:
        return "not a whole image";
    case ERR_UNSUPPORTED:
        return "of a form that this bootloader does not know";
    case ERR_NO_SPACE:
        return "longer than its slot";
    case ERR_IDENTITY:
        return "for another product or hardware";
    case ERR_ROLLBACK:
        return "security counter below the floor";
    case ERR_SLOT_BOUND:
        return "linked for another address, without a relocation table";
    case ERR_RELOCATION:
        return "relocation table breaks the rules";
    case ERR_DIGEST:
        return "content does not have its digest";
    case ERR_SIGNATURE:
        return "not signed by a key of ours";
    case ERR_NOT_FOUND:
        return "none that reaches the journal's epoch";
    default:
        return "flash cannot be read";
    }
}

const char *boot_state(uint8_t state) {
    static const char *const name[] = {
        [SLOT_EMPTY] = "empty",       [SLOT_INSTALLING] = "half written", [SLOT_READY] = "ready",
        [SLOT_TRYING] = "trying",     [SLOT_CONFIRMED] = "confirmed",     [SLOT_BAD] = "bad",
        [SLOT_REVERTED] = "reverted",
    };
    return state < sizeof(name) / sizeof(name[0]) ? name[state] : "unknown";
}
