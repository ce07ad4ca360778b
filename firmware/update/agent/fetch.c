// SPDX-License-Identifier: Apache-2.0
// Downloads: a blob by Range into the free slot, and the check of what lies there then.
#include "agent.h"
#include "hal/err.h"
#include "os/log.h"
#include "param/slots.h"
#include "param/update_agent.h"
#include <string.h>

enum { SLOW_TIMEOUTS = 10 };

static struct os_timer slow_timer;

static int open_writer(void) {
    const struct manifest *m = &agent.offer;
    static struct slot_writer_job job; // not on the stack, beside what begin puts there
    job = (struct slot_writer_job){
        .slot = agent_other_slot(),
        .running_slot = agent.running,
        .size = m->blob_bytes,
        .counter = m->counter,
        .chunk_bytes = PARAM_SLOTS_CHUNK_BYTES,
    };
    memcpy(job.digest, m->image_digest, sizeof job.digest);
    int err = slot_writer_begin(&agent.fetch.writer, &agent.journal, agent.layout, &job);
    agent.fetch.paid = agent.fetch.writer.offset > 0;
    agent.fetch.reached = agent.fetch.writer.offset;
    return err;
}

// From 0 again, whatever the journal has of it. Once per offer, since it costs an erase.
static int start_over(void) {
    agent.fetch.started_over = true;
    int err = slot_writer_abort(&agent.fetch.writer);
    return err < 0 ? err : open_writer();
}

static int on_head(void *ctx, int status, uint64_t length, uint64_t from, uint64_t total) {
    struct agent_fetch *f = &agent.fetch;
    const struct plan_reply_facts facts = {
        .status = status,
        .from = f->from,
        .size = agent.offer.blob_bytes,
        .length = length,
        .range_from = from,
        .range_total = total,
        .started_over = f->started_over,
    };
    (void)ctx;
    f->status = status;
    f->verdict = plan_reply(&facts);
    if (f->verdict == REPLY_START_OVER || f->verdict == REPLY_AGAIN_FROM_0) {
        f->failed = start_over();
    }
    bool goes_on = f->verdict == REPLY_GO_ON || f->verdict == REPLY_START_OVER;
    return goes_on ? f->failed : ERR_STATE;
}

// The budget is asked before the first byte, and charged once a block was erased.
LANDMARK static int fetch_body(void *ctx, const void *data, uint32_t n) {
    struct agent_fetch *f = &agent.fetch;
    (void)ctx;
    if (!f->paid && !wear_allows()) {
        f->failed = ERR_BUSY;
        return ERR_BUSY;
    }
    f->failed = slot_writer_write(&f->writer, data, n);
    if (!f->paid && f->writer.erased_to > 0) {
        f->paid = true;
        int err = wear_draw();
        f->failed = f->failed < 0 ? f->failed : err;
    }
    return f->failed;
}

static void say_ended(const char *how, int err) {
    agent.last_error = err;
    LOG("update: download %s at %u of %u bytes (HTTP %u, error %d)", how, agent.fetch.writer.offset,
        agent.offer.blob_bytes, agent.fetch.status, err);
}

// What lies in the slot stays as it is, and can be gone on with when it is offered again.
static void lose(int err) {
    say_ended("given up", err);
    agent_happened(PLAN_EV_LOST);
}

// What came is not what was promised, or the flash failed: nothing to go on with.
static void discard(int err) {
    slot_writer_abort(&agent.fetch.writer);
    lose(err);
}

static void finish(void) {
    uint8_t digest[32];
    int err = slot_writer_finish(&agent.fetch.writer, digest);
    if (err == 0 && memcmp(digest, agent.offer.blob_digest, sizeof digest) != 0) {
        err = ERR_DIGEST;
    }
    if (err < 0) {
        discard(err);
        return;
    }
    agent_happened(PLAN_EV_FETCHED);
}

static bool got_on(uint32_t since) {
    return agent.fetch.writer.offset >= since + PARAM_SLOTS_CHUNK_BYTES;
}

static void break_off(int err) {
    struct agent_fetch *f = &agent.fetch;
    const struct plan_event e = {.what = PLAN_EV_BROKEN,
                                 .progress = !f->started_over && got_on(f->reached)};
    f->reached = f->writer.offset;
    say_ended("broke", err);
    agent_tell(&e);
}

static void on_done(void *ctx, int err) {
    struct agent_fetch *f = &agent.fetch;
    (void)ctx;
    os_timer_stop(&slow_timer);
    if (f->failed == ERR_BUSY) {
        lose(f->failed);
    } else if (f->failed < 0) {
        discard(f->failed);
    } else if (f->verdict == REPLY_DROP) {
        lose(err);
    } else if ((f->verdict == REPLY_GO_ON || f->verdict == REPLY_START_OVER) &&
               f->writer.offset == agent.offer.blob_bytes) {
        finish();
    } else {
        break_off(err);
    }
}

// Nobody may hold the agent by a trickle: an attempt that brings less than a chunk in this time
// ends.
static void on_slow(struct os_timer *timer) {
    struct agent_fetch *f = &agent.fetch;
    if (got_on(f->marked)) {
        f->marked = f->writer.offset;
        os_timer_again(timer, SLOW_TIMEOUTS * PARAM_UPDATE_AGENT_TIMEOUT_MS);
        return;
    }
    net_http_abort(&agent.http);
    break_off(ERR_TIMED_OUT);
}

static void put_hex(char *to, const uint8_t *bytes, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        *to++ = "0123456789abcdef"[bytes[i] >> 4];
        *to++ = "0123456789abcdef"[bytes[i] & 15];
    }
    *to = '\0';
}

static void request(void) {
    struct agent_fetch *f = &agent.fetch;
    f->status = 0;
    f->verdict = REPLY_AGAIN;
    f->failed = 0;
    f->from = f->writer.offset;
    f->marked = f->writer.offset;
    put_hex(facts_url("/v1/blobs/"), agent.offer.blob_digest, 32);
    agent.request = (struct net_http_request){
        .url = agent.url,
        .method = "GET",
        .range_from = f->from > 0 ? f->from : NET_HTTP_NO_RANGE,
        .timeout_ms = PARAM_UPDATE_AGENT_TIMEOUT_MS,
        .on_head = on_head,
        .on_body = fetch_body,
        .on_done = on_done,
    };
    int err = net_http_start(&agent.http, &agent.request);
    if (err < 0) {
        break_off(err);
        return;
    }
    os_timer_start(&slow_timer, SLOW_TIMEOUTS * PARAM_UPDATE_AGENT_TIMEOUT_MS, on_slow);
}

void fetch_begin(void) {
    struct agent_fetch *f = &agent.fetch;
    f->started_over = false;
    f->status = 0;
    int err = open_writer();
    if (err < 0) {
        lose(err);
        return;
    }
    LOG("update: %u.%u.%u+%u into slot %c, %u bytes from %u", agent.offer.version.major,
        agent.offer.version.minor, agent.offer.version.revision, agent.offer.version.build,
        'A' + agent_other_slot(), agent.offer.blob_bytes, f->writer.offset);
    fetch_resume();
}

void fetch_resume(void) {
    if (agent.fetch.writer.offset == agent.offer.blob_bytes) {
        finish(); // cut off between the last byte and the check
        return;
    }
    request();
}

static int check_slot(void) {
    struct image_info info;
    const struct slot_policy policy = {
        .layout = agent.layout,
        .params = &agent.params,
        .keys = &agent.keys,
        .floor = trust_floor(&agent.keys, &agent.journal, &agent.params),
        .development = agent.development,
    };
    int err = slot_check(&policy, agent_other_slot(), &info);
    if (err < 0) {
        return err;
    }
    if (memcmp(info.digest, agent.offer.image_digest, sizeof info.digest) != 0) {
        return ERR_DIGEST; // a good image, but not the one that was promised
    }
    bool same = info.counter == agent.offer.counter && info.file_size == agent.offer.blob_bytes &&
                image_version_compare(&info.version, &agent.offer.version) == 0;
    return same ? 0 : ERR_FORMAT;
}

// An image that was here before keeps the count of its reverts.
LANDMARK static int fetch_ready(struct slot_record *r) {
    if (r->state == SLOT_INSTALLING) {
        return slot_writer_ready(&agent.fetch.writer);
    }
    r->state = SLOT_READY;
    r->tries = 0;
    r->power_ons = 0;
    r->reason = SLOT_REASON_NONE;
    return slot_put(&agent.journal, agent_other_slot(), r);
}

// Trouble of the device's own, not the image's: another time it may go well.
static bool is_own_trouble(int err) {
    return err == ERR_BUSY || err == ERR_IO || err == ERR_ECC;
}

void fetch_check(void) {
    struct slot_record r;
    facts_other(&r);
    // A switch to what is there already draws on the budget as an erase does.
    int err = r.state == SLOT_INSTALLING ? 0 : wear_draw();
    if (err == 0) {
        err = check_slot();
    }
    if (err == 0) {
        err = fetch_ready(&r);
    }
    if (err == 0) {
        LOG("update: slot %c is ready", 'A' + agent_other_slot());
        report(REPORT_READY, agent.offer.image_digest, 0);
        agent_happened(PLAN_EV_GOOD);
        return;
    }
    agent.last_error = err;
    LOG("update: image refused (error %d)", err);
    agent_happened(is_own_trouble(err) ? PLAN_EV_LOST : PLAN_EV_BAD);
}
