// SPDX-License-Identifier: Apache-2.0
// DNS messages: every length is checked against what is left, names are skipped and never followed.
#include "dns_message.h"

#include "hal/err.h"

enum {
    FLAG_RESPONSE = 0x80, // byte 2
    FLAG_OPCODE = 0x78,
    FLAG_TRUNCATED = 0x02,
    FLAG_RECURSE = 0x01,
    RCODE = 0x0F, // byte 3
    RCODE_NO_NAME = 3,
    TYPE_A = 1,
    CLASS_IN = 1,
    LABEL_MAX = 63,
    NAME_BYTES_MAX = 255, // as sent
    POINTER = 0xC0,
    RECORD_BYTES = 10, // behind its name: type, class, TTL, length
};

static uint16_t load16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void store16(uint8_t *p, uint32_t value) {
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

// Write the labels of `name`. Returns how many bytes, or ERR_RANGE.
static int write_name(uint8_t *out, const char *name) {
    uint32_t at = 0;
    do {
        uint32_t n = 0;
        while (name[n] != '\0' && name[n] != '.') {
            if (++n > LABEL_MAX || at + n + 2 > NAME_BYTES_MAX) {
                return ERR_RANGE;
            }
        }
        if (n == 0) {
            return ERR_RANGE;
        }
        out[at++] = (uint8_t)n;
        for (uint32_t i = 0; i < n; i++) {
            out[at++] = (uint8_t)name[i];
        }
        name += name[n] == '.' ? n + 1 : n;
    } while (*name != '\0');
    out[at++] = 0;
    return (int)at;
}

int dns_write_query(uint8_t out[DNS_QUERY_BYTES_MAX], uint16_t id, const char *name) {
    for (uint32_t i = 0; i < DNS_HEADER_BYTES; i++) {
        out[i] = 0;
    }
    store16(out, id);
    out[2] = FLAG_RECURSE;
    store16(out + 4, 1); // one question
    int n = write_name(out + DNS_HEADER_BYTES, name);
    if (n < 0) {
        return n;
    }
    uint8_t *end = out + DNS_HEADER_BYTES + n;
    store16(end, TYPE_A);
    store16(end + 2, CLASS_IN);
    return DNS_HEADER_BYTES + n + 4;
}

uint16_t dns_message_id(const uint8_t *message, uint32_t n) {
    return n >= 2 ? load16(message) : 0;
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

// The question must come back as it was, but for the case of letters.
static int check_question(const uint8_t *message, const uint8_t *query, uint32_t query_n) {
    for (uint32_t i = DNS_HEADER_BYTES; i < query_n; i++) {
        if (lower(message[i]) != lower(query[i])) {
            return ERR_FORMAT;
        }
    }
    return 0;
}

// Move *at behind a name that may end in a pointer. ERR_FORMAT.
static int skip_name(const uint8_t *message, uint32_t n, uint32_t *at) {
    while (*at < n) {
        uint8_t label = message[*at];
        if (label == 0) {
            *at += 1;
            return 0;
        }
        if ((label & POINTER) == POINTER) {
            *at += 2;
            return *at <= n ? 0 : ERR_FORMAT;
        }
        if (label > LABEL_MAX) {
            return ERR_FORMAT;
        }
        *at += 1U + label;
    }
    return ERR_FORMAT;
}

static int find_address(const uint8_t *message, uint32_t n, uint32_t at, uint32_t *address) {
    for (uint32_t left = load16(message + 6); left > 0; left--) {
        if (skip_name(message, n, &at) < 0 || n - at < RECORD_BYTES) {
            return ERR_FORMAT;
        }
        const uint8_t *record = message + at;
        uint32_t data_n = load16(record + 8);
        at += RECORD_BYTES;
        if (data_n > n - at) {
            return ERR_FORMAT;
        }
        if (load16(record) == TYPE_A && load16(record + 2) == CLASS_IN && data_n == 4) {
            const uint8_t *d = message + at;
            *address = (uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 | (uint32_t)d[2] << 8 | d[3];
            return 0;
        }
        at += data_n; // an alias; the address it stands for follows in the same answer
    }
    return ERR_NOT_FOUND;
}

int dns_read_answer(const uint8_t *message, uint32_t n, const uint8_t *query, uint32_t query_n,
                    uint32_t *address) {
    if (n < query_n || load16(message) != load16(query) || (message[2] & FLAG_RESPONSE) == 0 ||
        (message[2] & FLAG_OPCODE) != 0 || load16(message + 4) != 1 ||
        check_question(message, query, query_n) < 0) {
        return ERR_FORMAT;
    }
    if ((message[3] & RCODE) == RCODE_NO_NAME) {
        return ERR_NOT_FOUND;
    }
    if ((message[3] & RCODE) != 0) {
        return ERR_IO;
    }
    int err = find_address(message, n, query_n, address);
    bool is_truncated = (message[2] & FLAG_TRUNCATED) != 0;
    return err == ERR_FORMAT || (err == ERR_NOT_FOUND && is_truncated) ? ERR_IO : err;
}
