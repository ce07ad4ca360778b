// SPDX-License-Identifier: Apache-2.0
// Polls and answers as bytes (docs/protocol.md). Builds and reads; decides nothing and keeps
// nothing.
#pragma once
#include "image/image.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_POLL_MAX_BYTES = 2048,   // by the protocol
    MESSAGE_ANSWER_MAX_BYTES = 2048, // by the protocol
    MESSAGE_REPORTS = 8,             // kept and sent at most
    MESSAGE_AGENT_VERSION = 1,
};

// Z = ECDH, then one key per purpose.
struct message_keys {
    uint8_t enrol[32], poll[32], answer[32];
    uint8_t kid[8]; // of the server's key
};

struct message_party {
    const uint8_t *device_id;    // 16 bytes
    const uint8_t *device_key;   // private, 32 bytes
    const uint8_t *device_point; // X‖Y
    const uint8_t *server_point; // X‖Y
    const uint8_t *token;        // 16 bytes, NULL if there is none
};

// Costs one ECDH (about 30 million instructions). ERR_RANGE if a key is no key.
int message_keys(struct message_keys *k, const struct message_party *p);

enum report_kind {
    REPORT_OFFER_REFUSED = 1,
    REPORT_DOWNLOAD_FAILED = 2,
    REPORT_READY = 3,
    REPORT_REJECTED = 4,
    REPORT_CONFIRMED = 5,
    REPORT_REVERTED = 6,
    REPORT_BAD = 7,
    REPORT_CRASH = 8,
    REPORT_REFUSED_ANSWERS = 9,
};

struct message_report {
    uint8_t kind; // enum report_kind
    uint32_t code;
    uint8_t digest[32]; // of the image it is about
};

struct message_slot {
    uint8_t state;
    uint16_t reason;
    uint32_t progress; // offset while installing, else tries; 0 is left out
    bool has_image;    // the three below are known
    struct image_version version;
    uint32_t counter;
    uint8_t digest[32];
};

// Most registers that a crash record can carry to the server.
enum { MESSAGE_FAULT_REGISTERS = 4 };

struct message_crash {
    uint8_t build_id[20];
    uint32_t slot_base, reason, pc, lr, sp;
    uint32_t fault[MESSAGE_FAULT_REGISTERS];
};

struct message_poll {
    const uint8_t *device_id;    // 16 bytes
    const uint8_t *device_point; // X‖Y for an enrolment, NULL for a poll
    const uint8_t *generation;   // 8 bytes, NULL if there is none yet
    uint64_t seq;
    const uint8_t *vid, *cid;
    uint8_t running;
    struct message_slot slot[2];
    uint32_t boot_count;
    uint8_t reset_reason, crashes, mode;
    uint32_t phase[4];
    uint32_t slot_bytes, chunk_bytes;
    uint32_t boot_version, keyset_epoch;
    const struct message_report *reports;
    uint32_t n_reports;
    const struct message_crash *crash; // NULL if there was none
};

// The whole message into `out`; its last 32 bytes are the tag. Its size, or ERR_NO_MEMORY.
int message_write_poll(uint8_t *out, size_t size, const struct message_poll *p,
                       const struct message_keys *k);

// What an answer asks for. Pointers go into the message; NULL: not asked for.
struct message_answer {
    uint32_t next_s;
    const uint8_t *offer; // a manifest
    size_t offer_size;
    const uint8_t *go, *confirm; // image digests
    const uint8_t *generation;   // 8 bytes
    unsigned unsupported; // code of a known critical action that this agent can not do; 0 none
    const uint8_t *unsupported_digest; // the image it names, NULL if it names none
};

// Reads the answer to the poll whose tag is `poll_tag`. 0, and then the MAC was right and all of it
// was understood. ERR_FORMAT, ERR_AUTH, ERR_RANGE; ERR_UNSUPPORTED for a critical action that is
// not known or (then `unsupported` says which) can not be done: nothing of such an answer may be
// obeyed.
int message_read_answer(struct message_answer *a, const uint8_t *data, size_t size,
                        const struct message_keys *k, const uint8_t poll_tag[32]);
