// SPDX-License-Identifier: Apache-2.0
// CRC-32: the catalogue's check value, and in pieces.
#include "check.h"
#include "crc/crc32.h"

int main(void) {
    CHECK(crc32(0, "123456789", 9) == 0xcbf43926);
    CHECK(crc32(0, NULL, 0) == 0);
    CHECK(crc32(crc32(0, "1234", 4), "56789", 5) == 0xcbf43926);
    CHECK(crc32(0, "\xff\xff\xff\xff", 4) == 0xffffffff);
    return 0;
}
