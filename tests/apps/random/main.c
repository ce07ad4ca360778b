// SPDX-License-Identifier: Apache-2.0
// Prints the first random bytes of a start, then resets: no two starts may print the same.
#include "os/boot.h"
#include "os/log.h"
#include "os/random.h"
#include "os/reset.h"

enum { STARTS = 20 };

int main(void) {
    uint32_t words[8];
    os_random(words, sizeof(words));
    LOG("start %u: %08x%08x%08x%08x%08x%08x%08x%08x", os_handover()->boot_count, words[0], words[1],
        words[2], words[3], words[4], words[5], words[6], words[7]);
    if (os_handover()->boot_count < STARTS) {
        os_reset(RESET_SOFTWARE);
    }
    return 0;
}
