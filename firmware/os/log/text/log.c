// SPDX-License-Identifier: Apache-2.0
// Log lines as text. Waits for the UART: a line of 80 characters takes 7 ms at 115,200 baud.
#include "log.h"
#include "hal/board.h"
#include "os/log.h"
#include "os/time.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { DIGITS_MAX = 10 };

static void put(const char *text, size_t size) {
    hal_uart_write(&board_uart, text, size);
}

struct style {
    uint32_t width;
    char pad;
};

static void put_number(uint32_t value, uint32_t base, bool negative, struct style style) {
    char digits[DIGITS_MAX + 2];
    char *const end = digits + sizeof(digits);
    char *p = end;
    do {
        uint32_t digit = value % base;
        *--p = (char)(digit < 10 ? '0' + digit : 'a' - 10 + digit);
        value /= base;
    } while (value != 0);
    if (negative) {
        *--p = '-';
    }
    while (p > digits && (uint32_t)(end - p) < style.width) {
        *--p = style.pad;
    }
    put(p, (size_t)(end - p));
}

static void put_argument(char kind, va_list *arguments, struct style style) {
    if (kind == 's') {
        const char *text = va_arg(*arguments, const char *);
        put(text, strlen(text));
        return;
    }
    if (kind == '%') {
        put("%", 1);
        return;
    }
    uint32_t value = va_arg(*arguments, uint32_t);
    if (kind == 'c') {
        char c = (char)value;
        put(&c, 1);
        return;
    }
    bool negative = kind == 'd' && (int32_t)value < 0;
    put_number(negative ? -value : value, kind == 'x' ? 16 : 10, negative, style);
}

static void put_formatted(const char *f, va_list *arguments) {
    for (;;) {
        const char *text = f;
        while (*f != '\0' && *f != '%') {
            f++;
        }
        put(text, (size_t)(f - text));
        if (*f++ == '\0') {
            return;
        }
        struct style style = {0, *f == '0' ? '0' : ' '};
        while (*f >= '0' && *f <= '9') {
            style.width = style.width * 10 + (uint32_t)(*f++ - '0');
        }
        f += *f == 'l';
        put_argument(*f++, arguments, style);
    }
}

void os_log(const char *format, ...) {
    va_list arguments;
    uint32_t ms = os_now_ms();
    log_part("[%4u.%03u] ", ms / 1000, ms % 1000);
    va_start(arguments, format);
    put_formatted(format, &arguments);
    log_part("\r\n");
    va_end(arguments);
}

void log_part(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    put_formatted(format, &arguments);
    va_end(arguments);
}
