// SPDX-License-Identifier: Apache-2.0
// Polls: gathers what the server is told, sends it, reads the answer, tells the plan what it asks
// for.
#include "agent.h"
#include "hal/err.h"
#include "os/boot.h"
#include "os/log.h"
#include "os/time.h"
#include "param/slots.h"
#include "param/update_agent.h"
#include <string.h>

enum { TAG_BYTES = 32 };

static void describe_slot(int slot, struct message_slot *out) {
    struct slot_record r;
    memset(out, 0, sizeof *out);
    if (slot_get(&agent.journal, slot, &r) < 0 || r.state == SLOT_UNKNOWN) {
        return; // as if empty
    }
    out->state = r.state;
    out->reason = r.reason;
    out->progress = r.state == SLOT_INSTALLING ? r.offset : r.tries;
    if (r.state != SLOT_EMPTY && r.state != SLOT_INSTALLING &&
        facts_slot_version(slot, &out->version) == 0) {
        out->has_image = true;
        out->counter = r.counter;
        memcpy(out->digest, r.digest, sizeof out->digest);
    }
}

static int write_poll(bool enrol) {
    const struct handover *h = os_handover();
    uint8_t generation[8];
    struct message_poll p = {
        .device_id = agent.device_id,
        .device_point = enrol ? agent.device_point : NULL,
        .generation = facts_generation(generation) ? generation : NULL,
        .seq = (uint64_t)h->boot_count << 32 | ++agent.polls,
        .vid = agent.params.vid,
        .cid = agent.params.cid,
        .running = agent.running,
        .boot_count = h->boot_count,
        .reset_reason = h->reset_reason,
        .crashes = h->crashes,
        .mode = h->mode,
        .slot_bytes = agent.layout->slot[agent_other_slot()].size,
        .chunk_bytes = PARAM_SLOTS_CHUNK_BYTES,
        .boot_version = h->boot_version,
        .keyset_epoch = agent.keys.epoch,
        .reports = agent.reports.list,
    };
    memcpy(p.phase, h->phase_us, sizeof p.phase);
    describe_slot(SLOT_A, &p.slot[SLOT_A]);
    describe_slot(SLOT_B, &p.slot[SLOT_B]);
    p.n_reports = reports_take();
    p.crash = agent.reports.has_crash ? &agent.reports.crash : NULL;
    return message_write_poll(agent.poll, sizeof agent.poll, &p, &agent.session);
}

static int on_head(void *ctx, int status, uint64_t length, uint64_t from, uint64_t total) {
    (void)ctx;
    (void)length;
    (void)from;
    (void)total;
    agent.status = status;
    return 0;
}

// A body too long for an answer is none: its rest is not wanted.
static int on_body(void *ctx, const void *data, uint32_t n) {
    (void)ctx;
    if (n > sizeof agent.answer - agent.answer_used) {
        agent.answer_used = 0;
        return ERR_RANGE;
    }
    memcpy(agent.answer + agent.answer_used, data, n);
    agent.answer_used += n;
    return 0;
}

static void judge_offer(struct plan_event *e, const struct message_answer *a) {
    struct slot_record other;
    facts_other(&other);
    const struct manifest_policy policy = {
        .keyset = &agent.keys,
        .development = agent.development,
        .vid = agent.params.vid,
        .cid = agent.params.cid,
        .floor = trust_floor(&agent.keys, &agent.journal, &agent.params),
        .running = agent.running_version,
        .boot_version = os_handover()->boot_version,
        .agent_version = MESSAGE_AGENT_VERSION,
        .slot_bytes = agent.layout->slot[agent_other_slot()].size,
    };
    struct plan_offer_facts f = {
        .manifest = manifest_check(&agent.offer, a->offer, a->offer_size, &policy),
        .confirmed = agent.plan.confirmed,
        .state = other.state,
        .reason = other.reason,
        .reverts = other.reverts,
        .uptime_s = (uint32_t)(os_uptime_us() / 1000000),
        .pause_s = PARAM_UPDATE_AGENT_REVERTED_PAUSE_S,
        .worn = !wear_allows(),
    };
    f.is_running = memcmp(agent.offer.image_digest, agent.running_digest, 32) == 0;
    // A download that has to begin at 0 again is like any other image's.
    bool begins = other.state == SLOT_INSTALLING && other.offset == 0;
    f.is_other = !begins && memcmp(agent.offer.image_digest, other.digest, 32) == 0;
    e->offer = (uint8_t)plan_offer(&f, &agent.offer_error);
}

static void accept(const struct message_answer *a) {
    struct slot_record other;
    facts_other(&other);
    struct plan_event e = {.what = PLAN_EV_ANSWER, .next_s = a->next_s};
    e.go = a->go && other.state == SLOT_READY && memcmp(a->go, other.digest, 32) == 0;
    e.confirm = a->confirm && memcmp(a->confirm, agent.running_digest, 32) == 0;
    e.resync = a->generation != NULL;
    if (a->generation) {
        memcpy(agent.generation, a->generation, sizeof agent.generation);
    }
    if (a->offer) {
        judge_offer(&e, a);
    }
    agent.answers++;
    agent.last_error = 0;
    agent_tell(&e);
}

static void refuse(const struct message_answer *a, int err) {
    static const uint8_t none[32];
    agent.last_error = err;
    LOG("update: answer refused (HTTP %u, error %d)", agent.status, err);
    if (a->unsupported) {
        report_error(REPORT_OFFER_REFUSED, a->unsupported_digest ? a->unsupported_digest : none,
                     err);
    }
    agent_happened(PLAN_EV_REFUSED);
}

static void on_done(void *ctx, int err) {
    struct message_answer a = {0};
    (void)ctx;
    if (agent.status == 0 || (err < 0 && err != ERR_RANGE)) {
        agent.last_error = err;
        LOG("update: no answer from %s (error %d)", agent.base_url, err);
        agent_happened(PLAN_EV_SILENT);
        return;
    }
    if (agent.status == 403) {
        LOG("update: the server does not know this device");
        agent_happened(PLAN_EV_FORBIDDEN);
        return;
    }
    err = agent.status != 200
              ? ERR_STATE
              : message_read_answer(&a, agent.answer, agent.answer_used, &agent.session,
                                    agent.poll + agent.poll_used - TAG_BYTES);
    if (err < 0) {
        refuse(&a, err);
        return;
    }
    accept(&a);
}

void poll_send(bool enrol) {
    int size = facts_session();
    if (size == 0) {
        size = write_poll(enrol);
    }
    if (size < 0) {
        agent.last_error = size;
        agent_happened(PLAN_EV_SILENT);
        return;
    }
    agent.status = 0;
    agent.poll_used = (uint32_t)size;
    agent.answer_used = 0;
    facts_url("/v1/poll");
    agent.request = (struct net_http_request){
        .url = agent.url,
        .method = "POST",
        .body = agent.poll,
        .body_n = agent.poll_used,
        .content_type = "application/cose; cose-type=\"cose-mac0\"",
        .range_from = NET_HTTP_NO_RANGE,
        .timeout_ms = PARAM_UPDATE_AGENT_TIMEOUT_MS,
        .on_head = on_head,
        .on_body = on_body,
        .on_done = on_done,
    };
    int err = net_http_start(&agent.http, &agent.request);
    if (err < 0) {
        agent.last_error = err;
        agent_happened(PLAN_EV_SILENT);
    }
}
