// SPDX-License-Identifier: Apache-2.0
// What the agent does next: pure decisions over small states, so that tests can walk all of them.
// No I/O, no clock, no memory of its own; agent.c executes what comes out.
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum plan_activity {
    PLAN_OFFLINE,  // the network has not come up in this boot
    PLAN_WAIT,     // for the poll timer
    PLAN_POLL,     // a poll or an enrolment is in flight
    PLAN_DOWNLOAD, // a blob is on its way into the free slot
    PLAN_PAUSE,    // between two attempts of that
    PLAN_CHECK,    // the free slot is being verified
    PLAN_OVER,     // a reset is under way; nothing matters any more
};

struct plan_config {
    uint32_t poll_s;
    uint32_t retry_s;
    bool wants_health;
};

struct plan {
    uint8_t activity;    // enum plan_activity
    bool confirmed;      // the running image is
    bool enrolled;       // there is a generation
    bool enrolling;      // what is in flight is an enrolment
    bool enrol_next;     // the server does not know this device
    bool ready;          // the other slot holds a verified image that waits for go
    bool told_ready;     // the poll in flight says so
    bool going;          // the last answer said go; only the app's hold is in the way
    bool hold;           // the app's
    bool healthy;        // the app's
    bool approved;       // the server confirmed the running image in this boot
    bool urgent;         // the next poll has news that the course of an update waits for
    uint8_t failures;    // polls in a row that brought no answer, saturating
    uint8_t resyncs;     // answers in a row that asked for one, saturating
    uint8_t breaks;      // download attempts in a row that failed
    uint32_t interval_s; // between polls, clamped
};

enum plan_what {
    PLAN_EV_NET_UP,
    PLAN_EV_DUE,       // the timer that a step asked for
    PLAN_EV_ANSWER,    // verified and in time; the rest of the event says what is in it
    PLAN_EV_REFUSED,   // a reply came that is no answer
    PLAN_EV_FORBIDDEN, // HTTP 403
    PLAN_EV_SILENT,    // no reply
    PLAN_EV_FETCHED,   // all bytes are there and the blob digest is right
    PLAN_EV_BROKEN,    // an attempt ended early, but can go on
    PLAN_EV_LOST,      // neither download nor check can succeed now
    PLAN_EV_GOOD,      // the other slot verified, and its ready record stands
    PLAN_EV_BAD,       // it did not verify
    PLAN_EV_CONFIRMED, // the confirmed record of the running image stands
    PLAN_EV_HOLD,
    PLAN_EV_RELEASE,
    PLAN_EV_HEALTHY,
    PLAN_EV_OVERDUE, // confirm_within_s went by
    PLAN_EV_COUNT,
};

// What to do with an offer; agent.c finds out by plan_offer.
enum plan_offer_verdict {
    OFFER_NONE,    // no offer, or nothing to do about it
    OFFER_TAKE,    // download
    OFFER_RECHECK, // the image is in the other slot already: verify only
    OFFER_REFUSE,  // and report why
};

struct plan_event {
    uint8_t what;    // enum plan_what
    uint8_t offer;   // enum plan_offer_verdict
    bool go;         // names the image that is ready
    bool confirm;    // names the running image
    bool resync;     // brings a generation
    bool progress;   // PLAN_EV_BROKEN: the attempt got further than the one before
    uint32_t next_s; // as the answer has it
};

// Executed in this order, but DO_CONFIRM last: its event may ask for another wait. At most one of
// those from DO_POLL on.
enum plan_effect {
    DO_FORGET_REPORTS = 1 << 0, // those that the answered poll carried
    DO_COUNT_REFUSED = 1 << 1,
    DO_GENERATION = 1 << 2, // store it
    DO_CONFIRM = 1 << 3,    // record it; then PLAN_EV_CONFIRMED
    DO_REFUSE = 1 << 4,     // report the refused offer
    DO_GIVE_UP = 1 << 5,    // report the failed download
    DO_REJECT = 1 << 6,     // mark the other slot bad and report it
    DO_POLL = 1 << 7,
    DO_ENROL = 1 << 8,
    DO_DOWNLOAD = 1 << 9, // from the start, or from what the journal has of the same image
    DO_RESUME = 1 << 10,  // go on with the download
    DO_CHECK = 1 << 11,
    DO_SWITCH = 1 << 12, // restart into the image that is ready
    DO_REVERT = 1 << 13, // record the running image as reverted and restart
    DO_WAIT = 1 << 14,   // a random time between min_ms and max_ms, then PLAN_EV_DUE
};

struct plan_step {
    uint32_t effects;
    uint32_t min_ms;
    uint32_t max_ms;
};

void plan_init(struct plan *p, const struct plan_config *c);
struct plan_step plan_next(struct plan *p, const struct plan_config *c, const struct plan_event *e);

struct plan_offer_facts {
    int manifest;    // 0, or why it was refused (enum err)
    bool confirmed;  // the running image is
    bool is_running; // the offer names the running image
    bool is_other;   // it names the one in the other slot
    uint8_t state;   // of the other slot
    uint16_t reason; // of the other slot
    uint8_t reverts; // of the other slot
    uint32_t uptime_s;
    bool worn;        // no slot erase is left in the budget
    uint32_t pause_s; // before a reverted image may be tried again, doubled with each revert
};

// The verdict; for OFFER_REFUSE the reason is in *why (enum err).
enum plan_offer_verdict plan_offer(const struct plan_offer_facts *f, int *why);

// May a blob download go on? `status` of the HTTP reply to a request from `from` (0: without
// Range).
enum plan_reply {
    REPLY_GO_ON,      // the body continues at `from`
    REPLY_START_OVER, // the body starts at 0
    REPLY_AGAIN,      // this attempt failed
    REPLY_AGAIN_FROM_0,
    REPLY_DROP, // nor will another attempt do
};

struct plan_reply_facts {
    int status;
    uint32_t from;       // asked for
    uint32_t size;       // of the blob, from the manifest
    uint64_t length;     // Content-Length, UINT64_MAX if absent
    uint64_t range_from; // of Content-Range, UINT64_MAX if absent
    uint64_t range_total;
    bool started_over; // this offer began at 0 again before
};

enum plan_reply plan_reply(const struct plan_reply_facts *f);
