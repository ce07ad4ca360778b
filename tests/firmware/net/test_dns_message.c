// SPDX-License-Identifier: Apache-2.0
// DNS: the query, answers with aliases, and answers that must not be believed.
// sources: firmware/net/dns/dns_message.c
// include: firmware/net/dns
#include "check.h"
#include "dns_message.h"
#include "hal/err.h"

static uint8_t query[DNS_QUERY_BYTES_MAX];
static uint8_t answer[512];
static uint32_t query_n;
static uint32_t answer_n;

static void put(const void *bytes, uint32_t n) {
    CHECK(answer_n + n <= sizeof(answer));
    memcpy(answer + answer_n, bytes, n);
    answer_n += n;
}

// An answer to `query` with an alias and an address.
static void make_answer(void) {
    query_n = (uint32_t)dns_write_query(query, 0x1234, "Updates.example.com");
    answer_n = 0;
    put(query, query_n);
    answer[2] = 0x81;
    answer[3] = 0x80;
    answer[7] = 2;
    put("\xC0\x0C\x00\x05\x00\x01\x00\x00\x00\x3C\x00\x06\x03"
        "cdn\xC0\x14",
        18);
    put("\x03"
        "cdn\xC0\x14\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\x0A\x00\x02\x02",
        20);
}

static int read_it(uint32_t *address) {
    uint8_t *copy = malloc(answer_n);
    memcpy(copy, answer, answer_n);
    int result = dns_read_answer(copy, answer_n, query, query_n, address);
    free(copy);
    return result;
}

static void queries(void) {
    CHECK(dns_write_query(query, 1, "a.bc") == 12 + 6 + 4);
    CHECK(check_same(query,
                     "\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01"
                     "a\x02"
                     "bc\x00\x00\x01\x00\x01",
                     22));
    CHECK(dns_write_query(query, 1, "a.") == 12 + 3 + 4);
    const char *const bad[] = {"", ".", "a..b", ".a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(dns_write_query(query, 1, bad[i]) == ERR_RANGE);
    }
    char name[300];
    memset(name, 'a', sizeof(name));
    name[64] = '\0';
    CHECK(dns_write_query(query, 1, name) == ERR_RANGE);
    memset(name, 'a', sizeof(name));
    for (size_t i = 63; i < sizeof(name); i += 64) {
        name[i] = '.';
    }
    for (size_t n = 1; n < sizeof(name) - 1; n++) { // never more than the buffer
        char cut[300];
        memcpy(cut, name, n);
        cut[n] = '\0';
        int size = dns_write_query(query, 1, cut);
        CHECK(n <= 253 ? size > 0 && size <= DNS_QUERY_BYTES_MAX
                       : size == ERR_RANGE || cut[n - 1] == '.');
    }
}

static void answers(void) {
    uint32_t address = 0;
    make_answer();
    CHECK(dns_message_id(answer, answer_n) == 0x1234);
    CHECK(read_it(&address) == 0 && address == 0x0A000202);
    answer[12 + 1] ^= 0x20; // the case of a letter
    CHECK(read_it(&address) == 0);
    answer[12 + 1] ^= 0x01; // another name
    CHECK(read_it(&address) == ERR_FORMAT);
    make_answer();
    answer[0]++; // another identifier
    CHECK(read_it(&address) == ERR_FORMAT);
    make_answer();
    answer[2] &= 0x7F; // a query
    CHECK(read_it(&address) == ERR_FORMAT);
    make_answer();
    answer[3] |= 3;
    CHECK(read_it(&address) == ERR_NOT_FOUND);
    answer[3] = 0x82;
    CHECK(read_it(&address) == ERR_IO);
    make_answer();
    answer[7] = 1; // the alias alone
    CHECK(read_it(&address) == ERR_NOT_FOUND);
    answer[2] |= 2; // cut off
    CHECK(read_it(&address) == ERR_IO);
    make_answer();
    answer_n--;
    CHECK(read_it(&address) == ERR_IO);
}

int main(void) {
    queries();
    answers();
    return 0;
}
