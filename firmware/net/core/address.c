// SPDX-License-Identifier: Apache-2.0
// IPv4 addresses as text. Pure.
#include "hal/err.h"
#include "net/net.h"

char *net_address_text(uint32_t address, char out[NET_ADDRESS_TEXT_BYTES]) {
    char *to = out;
    for (uint32_t shift = 32; shift > 0; shift -= 8) {
        uint32_t octet = address >> (shift - 8) & 0xFF;
        if (octet >= 100) {
            *to++ = (char)('0' + octet / 100);
        }
        if (octet >= 10) {
            *to++ = (char)('0' + octet / 10 % 10);
        }
        *to++ = (char)('0' + octet % 10);
        *to++ = shift > 8 ? '.' : '\0';
    }
    return out;
}

int net_address_parse(const char *text, uint32_t n, uint32_t *address) {
    uint32_t value = 0;
    uint32_t octets = 0;
    uint32_t i = 0;
    while (i < n && octets < 4) {
        uint32_t octet = 0;
        uint32_t start = i;
        while (i < n && text[i] >= '0' && text[i] <= '9' && i - start < 3) {
            octet = octet * 10 + (uint32_t)(text[i++] - '0');
        }
        if (i == start || octet > 255 || (text[start] == '0' && i - start > 1)) {
            return ERR_FORMAT;
        }
        value = value << 8 | octet;
        octets++;
        if (octets < 4 && (i == n || text[i++] != '.')) {
            return ERR_FORMAT;
        }
    }
    if (octets != 4 || i != n) {
        return ERR_FORMAT;
    }
    *address = value;
    return 0;
}
