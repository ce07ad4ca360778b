// SPDX-License-Identifier: Apache-2.0
// What the agent's files share: its one static state, and who does what to it. Not for apps.
#pragma once
#include "manifest.h"
#include "message.h"
#include "net/http_client.h"
#include "os/sched.h"
#include "plan.h"
#include "slots/check.h"
#include "slots/identity.h"
#include "slots/slots.h"
#include "slots/writer.h"

enum {
    AGENT_POLL_BYTES = 1024, // 9 reports, crash and enrolment fit (tested)
    AGENT_URL_BYTES = IDENTITY_URL_MAX + 80,
};

// Reports wait here until an answer to a poll that carried them.
struct agent_reports {
    struct message_report list[MESSAGE_REPORTS + 1]; // the last: kind 9, made while polling
    uint8_t count;
    uint8_t carried;  // the first so many are in the poll in flight
    uint32_t refused; // answers, not yet told
    uint32_t refused_carried;
    struct message_crash crash;
    bool has_crash;
    bool crash_carried;
};

struct agent_fetch {
    struct slot_writer writer;
    uint32_t from;     // what the request asked for; 0: everything
    uint32_t reached;  // when the attempt before ended
    uint32_t marked;   // when it was last looked whether the attempt gets on
    int status;        // of the reply, 0 none
    int verdict;       // enum plan_reply
    int failed;        // why no byte more is wanted, 0 or enum err
    bool started_over; // this offer began at 0 again
    bool paid;         // the erase was drawn from the wear budget
};

struct agent {
    // Facts of this boot.
    const struct hal_layout *layout;
    struct boot_params params;
    struct keyset keys;
    uint8_t keyset_bytes[TRUST_BUFFER_BYTES];
    uint8_t device_id[16];
    uint8_t device_point[64];
    bool development;
    uint8_t running; // slot
    uint8_t running_digest[32];
    struct image_version running_version;
    struct message_keys session; // made for the first poll
    bool has_session;
    char base_url[IDENTITY_URL_MAX + 1];

    // What changes.
    struct journal journal;
    struct plan plan;
    struct plan_config config;
    struct plan_event event; // what the next turn of the run loop tells the plan
    bool has_event;
    uint32_t polls;   // in this boot; low half of seq
    uint32_t answers; // accepted
    uint32_t refused; // in all of this boot
    int last_error;
    struct manifest offer; // what is downloaded or checked
    int offer_error;       // why it was refused
    uint8_t generation[8]; // that the answer at hand brings
    struct agent_reports reports;
    struct agent_fetch fetch;

    // The request in flight.
    struct net_http http;
    struct net_http_request request;
    char url[AGENT_URL_BYTES];
    int status; // of the reply to a poll, 0 none
    uint32_t poll_used, answer_used;
    uint8_t poll[AGENT_POLL_BYTES];
    union {
        uint8_t answer[MESSAGE_ANSWER_MAX_BYTES];
        struct identity identity; // while it is read, before there is any answer
    };
};

extern struct agent agent;

// The slot that does not run, no enum err.
static inline int agent_other_slot(void) {
    return agent.running == SLOT_A ? SLOT_B : SLOT_A;
}

// agent.c: tell the plan, in the next turn of the run loop, and do what it says. One at a time: who
// works for the plan tells it how that ended.
void agent_tell(const struct plan_event *event);
void agent_happened(enum plan_what what);

// facts.c: everything that is read once, at start. Else the device can not be updated:
// ERR_NOT_FOUND (no bootloader); errors of boot_params_read, journal_open, trust_load,
// identity_load and keyset_server_key.
int facts_load(void);

// The keys of messages, once per boot: takes as long as an ECDH. Errors of identity_load,
// keyset_server_key and message_keys.
int facts_session(void);

// The other slot's record; SLOT_EMPTY if it can not be read.
void facts_other(struct slot_record *record);
// Set agent.url to `path` of the server, at most 16 characters; return where more may follow.
char *facts_url(const char *path);

// False if the server has not given one.
bool facts_generation(uint8_t generation[8]);

// By the header, whatever else lies there. ERR_FORMAT, ERR_UNSUPPORTED: no image; of the flash
// ERR_ECC, ERR_ERASED.
int facts_slot_version(int slot, struct image_version *version);

// Each of these has a large frame that must not become part of its caller's.
#define OWN_FRAME __attribute__((noinline))

// Tests stop the CPU here by name, to cut the power.
#define LANDMARK __attribute__((noinline, used))

// poll.c
OWN_FRAME void poll_send(bool enrol);

// wear.c: a budget of slot erases, so that nobody can wear the flash out by orders.
bool wear_allows(void);
// Draw one. ERR_BUSY if there is none; ERR_IO, ERR_NO_SPACE: see journal_append.
int wear_draw(void);
// The running image was confirmed: a version above any before fills the budget.
void wear_confirmed(void);
void wear_start(void); // the clock that gives back

// fetch.c
OWN_FRAME void fetch_begin(void);  // from what the journal has, or from 0
OWN_FRAME void fetch_resume(void); // where the last attempt ended
OWN_FRAME void fetch_check(void);  // the whole slot; ends in PLAN_EV_GOOD or PLAN_EV_BAD

// reports.c
void report(enum report_kind kind, const uint8_t digest[32], uint32_t code);
// As code: the error's number without its sign.
void report_error(enum report_kind kind, const uint8_t digest[32], int err);
void reports_from_last_boot(void); // how the other slot and the last run ended
// How many of the list (kind 9 included) the next poll carries.
uint32_t reports_take(void);
void reports_forget(void); // those were answered
