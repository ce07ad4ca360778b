// SPDX-License-Identifier: Apache-2.0
// The agent: hears what happens, asks the plan, does what it says. All of its memory is `agent`.
#include "agent.h"
#include "hal/arch.h"
#include "hal/err.h"
#include "net/net.h"
#include "os/boot.h"
#include "os/log.h"
#include "os/random.h"
#include "os/reset.h"
#include "os/time.h"
#include "param/update_agent.h"
#include "update/update.h"
#include <string.h>

struct agent agent;

enum {
    WELL_AFTER_MS = 600000, // an image that ran this long has not crashed at start
    RETRY_START_MS = 60000,
    RESCUED_AFTER_MS = 6 * 3600 * 1000, // safe mode ends: perhaps the reason is gone
};

static struct os_timer next_timer, deadline_timer, well_timer, rescued_timer;
static struct net_watcher watcher;
static bool is_off = true; // not provisioned: nothing to ask, nobody to answer

static void tell_now(enum plan_what what);
static void obey(const struct plan_event *event);

static void on_next(struct os_timer *timer) {
    (void)timer;
    if (!agent.has_event) {
        tell_now(PLAN_EV_DUE);
        return;
    }
    const struct plan_event event = agent.event;
    agent.has_event = false;
    obey(&event);
}

void agent_tell(const struct plan_event *event) {
    agent.event = *event;
    agent.has_event = true;
    os_timer_start(&next_timer, 0, on_next);
}

void agent_happened(enum plan_what what) {
    const struct plan_event e = {.what = (uint8_t)what};
    agent_tell(&e);
}

// Any time between both ends, evenly.
static void wait_between(uint32_t min_ms, uint32_t max_ms) {
    uint32_t random;
    os_random(&random, sizeof random);
    uint64_t span = (uint64_t)max_ms - min_ms + 1;
    os_timer_start(&next_timer, min_ms + (uint32_t)(span * random >> 32), on_next);
}

static void store_generation(void) {
    uint8_t old[sizeof agent.generation];
    if (facts_generation(old) && memcmp(old, agent.generation, sizeof old) == 0) {
        return; // asked for again, as after a lost answer
    }
    const struct journal_id id = {.type = JOURNAL_GENERATION};
    int err = journal_append(&agent.journal, id, agent.generation, sizeof agent.generation);
    if (err < 0) {
        agent.last_error = err; // the server asks again
        LOG("update: generation not stored (error %d)", err);
    }
}

LANDMARK static bool update_confirm(void) {
    struct slot_record r;
    int err = slot_get(&agent.journal, agent.running, &r);
    if (err == 0) {
        r.state = SLOT_CONFIRMED;
        r.flags |= SLOT_WAS_CONFIRMED;
        r.tries = 0;
        r.power_ons = 0;
        r.reason = SLOT_REASON_NONE;
        r.reverts = 0;
        err = slot_put(&agent.journal, agent.running, &r);
    }
    if (err < 0) {
        agent.last_error = err; // the server confirms again
        LOG("update: confirmation not stored (error %d)", err);
        return false;
    }
    os_timer_stop(&deadline_timer);
    LOG("update: slot %c is confirmed", 'A' + agent.running);
    report(REPORT_CONFIRMED, agent.running_digest, 0);
    wear_confirmed();
    return true;
}

// Without the record the reset is an ordinary one: it uses up a try, and so leads back too.
static void revert(void) {
    struct slot_record r;
    LOG("update: not confirmed in time, going back");
    int err = slot_get(&agent.journal, agent.running, &r);
    if (err == 0) {
        r.state = SLOT_REVERTED;
        r.reason = SLOT_REASON_NOT_CONFIRMED;
        r.reverts = (uint8_t)(r.reverts < UINT8_MAX ? r.reverts + 1 : r.reverts);
        err = slot_put(&agent.journal, agent.running, &r);
    }
    hal_reset(err == 0 ? RESET_UPDATE : RESET_SOFTWARE);
}

// Why the image that arrived is bad, for the journal.
static enum slot_reason reason_of(int err) {
    switch (err) {
    case ERR_SIGNATURE:
    case ERR_DIGEST:
        return SLOT_REASON_SIGNATURE;
    case ERR_IDENTITY:
        return SLOT_REASON_IDENTITY;
    case ERR_ROLLBACK:
        return SLOT_REASON_FLOOR;
    case ERR_RELOCATION:
    case ERR_SLOT_BOUND:
        return SLOT_REASON_RELOCATION;
    default:
        return SLOT_REASON_FORMAT;
    }
}

static void reject(void) {
    struct slot_record r;
    facts_other(&r);
    r.state = SLOT_BAD;
    r.reason = (uint16_t)reason_of(agent.last_error);
    r.counter = agent.offer.counter;
    memcpy(r.digest, agent.offer.image_digest, sizeof r.digest);
    int err = slot_put(&agent.journal, agent_other_slot(), &r);
    if (err < 0) {
        LOG("update: refusal not stored (error %d)", err);
    }
    report_error(REPORT_REJECTED, agent.offer.image_digest, agent.last_error);
}

static void give_up(void) {
    const struct agent_fetch *f = &agent.fetch;
    bool by_server = f->status != 0 && f->status != 200 && f->status != 206;
    report_error(REPORT_DOWNLOAD_FAILED, agent.offer.image_digest,
                 by_server ? f->status : agent.last_error);
}

static void do_bookkeeping(uint32_t effects) {
    if (effects & DO_FORGET_REPORTS) {
        reports_forget();
    }
    if (effects & DO_COUNT_REFUSED) {
        agent.refused++;
        agent.reports.refused++;
    }
    if (effects & DO_GENERATION) {
        store_generation();
    }
    if (effects & DO_REFUSE) {
        LOG("update: offer refused (error %d)", agent.offer_error);
        report_error(REPORT_OFFER_REFUSED, agent.offer.image_digest, agent.offer_error);
    }
    if (effects & DO_GIVE_UP) {
        give_up();
    }
    if (effects & DO_REJECT) {
        reject();
    }
}

static void obey(const struct plan_event *event) {
    struct plan_step step = plan_next(&agent.plan, &agent.config, event);
    do_bookkeeping(step.effects);
    if (step.effects & DO_WAIT) {
        wait_between(step.min_ms, step.max_ms);
    } else if (step.effects & DO_DOWNLOAD) {
        fetch_begin();
    } else if (step.effects & DO_RESUME) {
        fetch_resume();
    } else if (step.effects & DO_CHECK) {
        fetch_check();
    } else if (step.effects & (DO_POLL | DO_ENROL)) {
        poll_send(step.effects & DO_ENROL);
    } else if (step.effects & DO_SWITCH) {
        LOG("update: restarting into slot %c", 'A' + agent_other_slot());
        hal_reset(RESET_UPDATE);
    } else if (step.effects & DO_REVERT) {
        revert();
    }
    if (step.effects & DO_CONFIRM && update_confirm()) { // its event may ask for another wait
        tell_now(PLAN_EV_CONFIRMED);
    }
}

static void tell_now(enum plan_what what) {
    const struct plan_event e = {.what = (uint8_t)what};
    obey(&e);
}

static void on_deadline(struct os_timer *timer) {
    (void)timer;
    if (is_off) {
        os_reset(RESET_SOFTWARE); // uses up a try
    }
    tell_now(PLAN_EV_OVERDUE);
}

// What the bootloader counts in a row starts again at 0. Not stored, the next start counts on.
static void on_well(struct os_timer *timer) {
    struct boot_record r;
    (void)timer;
    if (boot_record_get(&agent.journal, &r) == 0 && (r.crashes | r.unwell) != 0) {
        r.crashes = r.unwell = 0;
        boot_record_put(&agent.journal, &r);
    }
}

static void on_rescued(struct os_timer *timer) {
    (void)timer;
    os_reset(RESET_SOFTWARE);
}

static void on_net_up(struct net_watcher *w) {
    (void)w;
    tell_now(PLAN_EV_NET_UP);
}

static void start_plan(void) {
    uint8_t generation[8];
    struct slot_record other;
    facts_other(&other);
    agent.config = (struct plan_config){
        .poll_s = PARAM_UPDATE_AGENT_POLL_S,
        .retry_s = PARAM_UPDATE_AGENT_RETRY_S,
        .wants_health = PARAM_UPDATE_AGENT_WANTS_HEALTH,
    };
    agent.plan.confirmed = os_handover()->state == SLOT_CONFIRMED;
    agent.plan.enrolled = facts_generation(generation);
    agent.plan.ready = other.state == SLOT_READY;
    plan_init(&agent.plan, &agent.config);
    os_timer_start(&well_timer, WELL_AFTER_MS, on_well);
}

// Again and again: what can not be read now may be read later.
static void start(struct os_timer *timer) {
    int err = facts_load();
    if (err < 0) {
        if (agent.last_error != err) {
            LOG("update: off, the device is not provisioned (error %d)", err);
        }
        agent.last_error = err;
        os_timer_start(timer, RETRY_START_MS, start);
        return;
    }
    is_off = false;
    agent.last_error = 0;
    agent.http.reserved = true;
    reports_from_last_boot();
    wear_start();
    start_plan();
    net_on_up(&watcher, on_net_up);
}

int update_init(void) {
    if (os_handover()->mode == BOOT_SAFE) {
        os_timer_start(&rescued_timer, RESCUED_AFTER_MS, on_rescued);
    }
    if (os_handover()->state == SLOT_TRYING) { // whatever else is wrong
        os_timer_start(&deadline_timer, PARAM_UPDATE_AGENT_CONFIRM_WITHIN_S * 1000U, on_deadline);
    }
    start(&next_timer);
    return 0; // the app works all the same
}

static const char *doing(void) {
    static const char *const names[] = {
        [PLAN_OFFLINE] = "offline", [PLAN_WAIT] = "waiting",         [PLAN_POLL] = "polling",
        [PLAN_PAUSE] = "pausing",   [PLAN_DOWNLOAD] = "downloading", [PLAN_CHECK] = "checking",
        [PLAN_OVER] = "restarting",
    };
    return is_off ? "off" : names[agent.plan.activity];
}

void update_status(struct update_status *out) {
    memset(out, 0, sizeof *out);
    out->doing = doing();
    for (unsigned i = 0; i < sizeof agent.device_id; i++) {
        out->device_id[2 * i] = "0123456789abcdef"[agent.device_id[i] >> 4];
        out->device_id[2 * i + 1] = "0123456789abcdef"[agent.device_id[i] & 15];
    }
    out->enrolled = agent.plan.enrolled;
    out->confirmed = agent.plan.confirmed;
    out->ready = agent.plan.ready;
    out->held = agent.plan.hold;
    out->polls = agent.polls;
    out->answers = agent.answers;
    out->refused = agent.refused;
    out->received_bytes = agent.fetch.writer.offset;
    out->total_bytes = agent.offer.blob_bytes;
    out->last_error = agent.last_error;
}

void update_hold(bool hold) {
    tell_now(hold ? PLAN_EV_HOLD : PLAN_EV_RELEASE);
}

void update_healthy(void) {
    tell_now(PLAN_EV_HEALTHY);
}
