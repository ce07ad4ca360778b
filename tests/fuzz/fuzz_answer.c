// SPDX-License-Identifier: Apache-2.0
// sources: firmware/update/agent/message.c
// include: firmware/update/agent
// Answers to a poll: the input as it arrives from anybody, and as what a server seals, which may be
// stolen. What is obeyed lies inside the message.
#include "cbor/cose.h"
#include "check.h"
#include "hal/err.h"
#include "message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct message_keys keys = {.answer = {1}, .kid = {2}};
static const uint8_t poll_tag[32] = {3};

static void check_inside(const uint8_t *at, size_t n, const uint8_t *data, size_t size) {
    CHECK(at == NULL || (at >= data && n <= (size_t)(data + size - at)));
}

// `end`: of the payload, which is all that may be looked at.
static int read(const uint8_t *data, size_t size, size_t end) {
    struct message_answer a;
    int err = message_read_answer(&a, data, size, &keys, poll_tag);
    CHECK(a.unsupported == 0 || err < 0);
    if (err == 0 || a.unsupported != 0) {
        CHECK(size <= MESSAGE_ANSWER_MAX_BYTES);
        check_inside(a.offer, a.offer_size, data, end);
        check_inside(a.go, 32, data, end);
        check_inside(a.confirm, 32, data, end);
        check_inside(a.generation, 8, data, end);
        check_inside(a.unsupported_digest, 32, data, end);
    }
    return err;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    CHECK(read(data, size, size) < 0); // nobody else has the key
    size_t room = size + COSE_MAC0_MAX_OVERHEAD;
    uint8_t *sealed = malloc(room);
    const struct cose_mac0 m = {.typ = COSE_TYP_ANSWER,
                                .kid = keys.kid,
                                .key = keys.answer,
                                .aad = poll_tag,
                                .aad_size = sizeof(poll_tag),
                                .payload = data,
                                .payload_size = size};
    int n = cose_write_mac0(sealed, room, &m);
    CHECK(n > 0);
    sealed = realloc(sealed, (size_t)n); // so that reading behind it is caught
    int err = read(sealed, (size_t)n, (size_t)n - COSE_TAG_BYTES - 2);
    CHECK(err != ERR_AUTH);
    free(sealed);
    return 0;
}
