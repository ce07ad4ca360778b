// SPDX-License-Identifier: Apache-2.0
// What log lines look like.
// sources: firmware/os/log/text/log.c
// include: firmware/os/log/include firmware/os/time/include
#include "check.h"
#include "hal/uart.h"
#include "os/log.h"
#include "os/time.h"

struct hal_uart {
    int unused;
};
const struct hal_uart board_uart;

static char printed[256];
static size_t n_printed;
static uint32_t now_ms;

void hal_uart_write(const struct hal_uart *u, const void *data, size_t size) {
    CHECK(u == &board_uart && size <= sizeof(printed) - 1 - n_printed);
    memcpy(printed + n_printed, data, size);
    n_printed += size;
    printed[n_printed] = '\0';
}

uint32_t os_now_ms(void) {
    return now_ms;
}

#define PRINTS(text, ...)                                                                          \
    do {                                                                                           \
        n_printed = 0;                                                                             \
        LOG(__VA_ARGS__);                                                                          \
        check_context = printed;                                                                   \
        CHECK(strcmp(printed, text "\r\n") == 0);                                                  \
    } while (0)

int main(void) {
    PRINTS("[   0.000] ", "%s", "");
    now_ms = 12034;
    PRINTS("[  12.034] plain", "plain");
    PRINTS("[  12.034] 100 % of x", "%u %% of %s", 100, "x");
    PRINTS("[  12.034] -1 4294967295 0", "%d %u %d", -1, -1, 0);
    PRINTS("[  12.034] -2147483648", "%d", INT32_MIN);
    PRINTS("[  12.034] ff 000000ff |  ff|", "%x %08x |%4x|", 255, 255, 255);
    PRINTS("[  12.034] deadbeef 7", "%lx %lu", 0xDEADBEEF, 7);
    PRINTS("[  12.034] <A>   9 0009", "<%c> %3u %04u", 'A', 9, 9);
    now_ms = 4294967295;
    PRINTS("[4294967.295] late", "late");
    return 0;
}
