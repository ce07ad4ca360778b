// SPDX-License-Identifier: Apache-2.0
// Addresses as text, local ports, SipHash by its authors' vectors, checksums by their definition.
// sources: firmware/net/core/address.c firmware/net/tcp/siphash.c firmware/net/tcp/ports.c
// sources: hal/checksum.c hal/arch/riscv/checksum.c
// include: firmware/net/core/include firmware/net/tcp
#include "check.h"
#include "hal/checksum.h"
#include "hal/err.h"
#include "net/net.h"
#include "ports.h"
#include "siphash.h"

static void addresses(void) {
    char text[NET_ADDRESS_TEXT_BYTES];
    const uint32_t all[] = {0, 0x0A00020F, 0xFFFFFFFF, 0x01020304, 0x64630900};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        uint32_t back = 1;
        net_address_text(all[i], text);
        CHECK(net_address_parse(text, (uint32_t)strlen(text), &back) == 0 && back == all[i]);
    }
    CHECK(strcmp(net_address_text(0xC0A80164, text), "192.168.1.100") == 0);
    const char *const bad[] = {"",          "1",         "1.2.3",     "1.2.3.", "1.2.3.4.",
                               "1.2.3.4.5", "256.1.1.1", "1.2.3.04",  "1..2.3", "a.b.c.d",
                               "1.2.3.4 ",  " 1.2.3.4",  "1.2.3.1000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint32_t address;
        check_context = bad[i];
        CHECK(net_address_parse(bad[i], (uint32_t)strlen(bad[i]), &address) == ERR_FORMAT);
    }
}

// Key 00..0f, message 00..(n-1): the reference implementation's vectors for 0, 8 and 16 bytes.
static void hashes(void) {
    const uint64_t key[2] = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    const uint64_t words[2] = {0x0706050403020100U, 0x0f0e0d0c0b0a0908U};
    CHECK(siphash(key, words, 0) == 0x726fdb47dd0e0e31U);
    CHECK(siphash(key, words, 1) == 0x93f5f5799a932462U);
    CHECK(siphash(key, words, 2) == 0x3f2acc7f57c29bdbU);
}

// A port that returned within 250 ms was reset by the other side, which still held its predecessor.
static void ports(void) {
    enum { CONNECTIONS = 100000, APART = (65536 - PORT_FIRST) / PORT_STEP_MAX };
    static uint32_t used[65536]; // by which connection, from APART on
    static uint32_t times[65536];
    uint32_t state = 11;
    uint16_t port = 0; // whatever the start
    for (uint32_t i = APART; i < CONNECTIONS; i++) {
        uint16_t number = (uint16_t)(i < CONNECTIONS / 2 ? check_random(&state) : UINT16_MAX);
        port = port_after(port, number);
        CHECK(port >= PORT_FIRST && i - used[port] >= APART);
        used[port] = i;
        times[port] += i < CONNECTIONS / 2;
    }
    for (uint32_t i = PORT_FIRST; i < 65536; i++) {
        CHECK(times[i] < 20); // of 50,000 over 16,384
    }
}

static uint16_t plain_sum(const uint8_t *p, uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += (uint32_t)p[i] << (i % 2 * 8);
    }
    while (sum > 0xFFFF) {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static void checksums(void) {
    static uint8_t bytes[1600];
    uint32_t state = 7;
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t n = check_random(&state) % 1500;
        uint32_t skew = check_random(&state) % 8;
        for (uint32_t i = 0; i < 40; i++) {
            uint8_t value = (uint8_t)check_random(&state);
            bytes[check_random(&state) % sizeof(bytes)] = round % 3 == 0 ? 0xFF : value;
        }
        uint16_t is = hal_checksum(bytes + skew, (int)n);
        uint16_t should = plain_sum(bytes + skew, n);
        CHECK(is == should || (is == 0xFFFF && should == 0) || (is == 0 && should == 0xFFFF));
    }
}

// Where a carry that comes back in carries again.
static void carried_checksum(void) {
    static const uint32_t words[8] = {0x80000000, 0x80000000, 0xFFFFFFFF};
    CHECK_EQUAL(hal_checksum(words, sizeof(words)), plain_sum((const uint8_t *)words, 32));
}

int main(void) {
    addresses();
    hashes();
    ports();
    checksums();
    carried_checksum();
    return 0;
}
