// SPDX-License-Identifier: Apache-2.0
// The agent's decisions. Pure: everything it knows is in its arguments.
#include "plan.h"

#include "hal/err.h"
#include "slots/slots.h"

enum {
    INTERVAL_MIN_S = 1,
    INTERVAL_MAX_S = 86400,
    FIRST_MAX_S = 300,      // the first poll after boot waits a random part of at most this
    BACKOFF_MIN_MS = 500,   // full jitter, but never a busy loop
    UNCONFIRMED_MAX_S = 60, // a new image must not sleep through the time it has
    RESYNC_MIN_S = 60,      // each costs a journal record: a loop of them must slow down
    BREAKS_MAX = 3,
    SHIFT_MAX = 16,
};

static uint32_t clamp(uint32_t value, uint32_t low, uint32_t high) {
    return value < low ? low : value > high ? high : value;
}

static uint8_t one_more(uint8_t count) {
    return (uint8_t)(count < UINT8_MAX ? count + 1 : count);
}

void plan_init(struct plan *p, const struct plan_config *c) {
    p->interval_s = clamp(c->poll_s, INTERVAL_MIN_S, INTERVAL_MAX_S);
}

static struct plan_step wait_between(uint32_t effects, uint32_t min_ms, uint32_t max_ms) {
    return (struct plan_step){effects | DO_WAIT, min_ms, max_ms < min_ms ? min_ms : max_ms};
}

static struct plan_step only(uint32_t effects) {
    return (struct plan_step){.effects = effects};
}

// Full jitter: anywhere up to a limit that doubles with each failure.
static struct plan_step back_off(const struct plan *p, const struct plan_config *c,
                                 uint32_t effects, uint8_t failures) {
    uint32_t most_s = clamp(p->interval_s, c->retry_s, INTERVAL_MAX_S);
    if (!p->confirmed) {
        most_s = clamp(most_s, 1, UNCONFIRMED_MAX_S);
    }
    uint32_t shift = failures > 0 ? failures - 1U : 0;
    uint64_t limit_s = (uint64_t)c->retry_s << clamp(shift, 0, SHIFT_MAX);
    uint32_t limit_ms = (uint32_t)(limit_s < most_s ? limit_s : most_s) * 1000;
    return wait_between(effects, BACKOFF_MIN_MS, limit_ms);
}

static struct plan_step wait_interval(const struct plan *p, uint32_t effects) {
    uint32_t ms = p->interval_s * 1000;
    return wait_between(effects, ms - ms / 10, ms); // a fleet must not fall into step
}

static struct plan_step poll_at_once(uint32_t effects) {
    return wait_between(effects, 0, 0);
}

static struct plan_step net_up(struct plan *p) {
    if (p->activity != PLAN_OFFLINE) {
        return only(0);
    }
    p->activity = PLAN_WAIT;
    if (!p->confirmed) {
        return poll_at_once(0);
    }
    return wait_between(0, 0, clamp(p->interval_s, 0, FIRST_MAX_S) * 1000);
}

static struct plan_step due(struct plan *p) {
    if (p->activity == PLAN_PAUSE) {
        p->activity = PLAN_DOWNLOAD;
        return only(DO_RESUME);
    }
    if (p->activity != PLAN_WAIT) {
        return only(0);
    }
    p->activity = PLAN_POLL;
    p->enrolling = p->enrol_next || !p->enrolled;
    p->enrol_next = false;
    p->told_ready = p->ready && !p->enrolling;
    p->urgent = false;
    return only(p->enrolling ? DO_ENROL : DO_POLL);
}

static struct plan_step unanswered(struct plan *p, const struct plan_config *c, uint32_t effects) {
    if (p->activity != PLAN_POLL) {
        return only(effects);
    }
    p->activity = PLAN_WAIT;
    p->failures = one_more(p->failures);
    return back_off(p, c, effects, p->failures);
}

static struct plan_step forbidden(struct plan *p, const struct plan_config *c) {
    if (p->activity == PLAN_POLL && !p->enrolling) {
        p->enrol_next = true;
    }
    return unanswered(p, c, DO_COUNT_REFUSED);
}

static bool may_confirm(const struct plan *p, const struct plan_config *c) {
    return p->approved && !p->confirmed && (p->healthy || !c->wants_health);
}

static struct plan_step restart(struct plan *p, uint32_t effects, uint32_t how) {
    p->activity = PLAN_OVER;
    return only(effects | how);
}

static struct plan_step obey_offer(struct plan *p, enum plan_offer_verdict offer,
                                   uint32_t effects) {
    p->ready = false; // its slot is about to change, or has yet to be verified
    p->going = false;
    p->breaks = 0;
    p->activity = offer == OFFER_TAKE ? PLAN_DOWNLOAD : PLAN_CHECK;
    return only(effects | (offer == OFFER_TAKE ? DO_DOWNLOAD : DO_CHECK));
}

// The server does not accept what it asked for: whatever it says, there is no hurry.
static struct plan_step after_resyncs(const struct plan *p, uint32_t effects) {
    uint32_t s = (uint32_t)RESYNC_MIN_S << clamp(p->resyncs - 2U, 0, SHIFT_MAX);
    uint32_t ms = clamp(s, RESYNC_MIN_S, INTERVAL_MAX_S) * 1000;
    return wait_between(effects, ms - ms / 4, ms);
}

static struct plan_step answer(struct plan *p, const struct plan_config *c,
                               const struct plan_event *e) {
    if (p->activity != PLAN_POLL) {
        return only(0);
    }
    // Of such polls the server keeps nothing.
    uint32_t effects = e->resync || p->enrolling ? 0 : DO_FORGET_REPORTS;
    p->activity = PLAN_WAIT;
    p->failures = 0;
    p->interval_s = clamp(e->next_s, INTERVAL_MIN_S, INTERVAL_MAX_S);
    p->resyncs = e->resync ? one_more(p->resyncs) : 0;
    if (e->resync) {
        p->enrolled = true;
        effects |= DO_GENERATION;
    }
    p->approved = p->approved || (e->confirm && !p->confirmed);
    if (may_confirm(p, c)) {
        effects |= DO_CONFIRM;
    }
    p->going = e->go && p->told_ready && p->ready;
    if (p->going && !p->hold) {
        return restart(p, effects, DO_SWITCH);
    }
    if (!p->going && (e->offer == OFFER_TAKE || e->offer == OFFER_RECHECK)) {
        return obey_offer(p, (enum plan_offer_verdict)e->offer, effects);
    }
    if (e->offer == OFFER_REFUSE) {
        effects |= DO_REFUSE;
    }
    if (p->resyncs > 1) {
        return after_resyncs(p, effects);
    }
    return p->resyncs == 1 || p->urgent ? poll_at_once(effects) : wait_interval(p, effects);
}

// Something the server waits for has happened: poll now, or right after the poll in flight.
static struct plan_step tell(struct plan *p, uint32_t effects) {
    p->urgent = true;
    return p->activity == PLAN_WAIT ? poll_at_once(effects) : only(effects);
}

static struct plan_step broken(struct plan *p, const struct plan_config *c,
                               const struct plan_event *e) {
    if (p->activity != PLAN_DOWNLOAD) {
        return only(0);
    }
    p->breaks = e->progress ? 1 : one_more(p->breaks);
    if (p->breaks >= BREAKS_MAX) {
        p->activity = PLAN_WAIT;
        return wait_interval(p, DO_GIVE_UP);
    }
    p->activity = PLAN_PAUSE;
    return back_off(p, c, 0, p->breaks);
}

static struct plan_step end_of_work(struct plan *p, uint32_t effects) {
    p->activity = PLAN_WAIT;
    return tell(p, effects);
}

static struct plan_step lost(struct plan *p) {
    bool works = p->activity == PLAN_DOWNLOAD || p->activity == PLAN_CHECK;
    return works ? end_of_work(p, DO_GIVE_UP) : only(0);
}

static struct plan_step fetched(struct plan *p) {
    if (p->activity != PLAN_DOWNLOAD) {
        return only(0);
    }
    p->activity = PLAN_CHECK;
    return only(DO_CHECK);
}

static struct plan_step checked(struct plan *p, bool good) {
    if (p->activity != PLAN_CHECK) {
        return only(0);
    }
    p->ready = good;
    return end_of_work(p, good ? 0 : DO_REJECT);
}

static struct plan_step confirmed(struct plan *p) {
    p->confirmed = true;
    return tell(p, 0);
}

static struct plan_step release(struct plan *p) {
    p->hold = false;
    bool free_to_go = p->going && (p->activity == PLAN_WAIT || p->activity == PLAN_POLL);
    return free_to_go ? restart(p, 0, DO_SWITCH) : only(0);
}

static struct plan_step healthy(struct plan *p, const struct plan_config *c) {
    p->healthy = true;
    return only(may_confirm(p, c) ? DO_CONFIRM : 0);
}

struct plan_step plan_next(struct plan *p, const struct plan_config *c,
                           const struct plan_event *e) {
    if (p->activity == PLAN_OVER) {
        return only(0);
    }
    switch (e->what) {
    case PLAN_EV_NET_UP:
        return net_up(p);
    case PLAN_EV_DUE:
        return due(p);
    case PLAN_EV_ANSWER:
        return answer(p, c, e);
    case PLAN_EV_REFUSED:
        return unanswered(p, c, DO_COUNT_REFUSED);
    case PLAN_EV_FORBIDDEN:
        return forbidden(p, c);
    case PLAN_EV_SILENT:
        return unanswered(p, c, 0);
    case PLAN_EV_FETCHED:
        return fetched(p);
    case PLAN_EV_BROKEN:
        return broken(p, c, e);
    case PLAN_EV_LOST:
        return lost(p);
    case PLAN_EV_GOOD:
        return checked(p, true);
    case PLAN_EV_BAD:
        return checked(p, false);
    case PLAN_EV_CONFIRMED:
        return confirmed(p);
    case PLAN_EV_HOLD:
        p->hold = true;
        return only(0);
    case PLAN_EV_RELEASE:
        return release(p);
    case PLAN_EV_HEALTHY:
        return healthy(p, c);
    case PLAN_EV_OVERDUE:
        return p->confirmed ? only(0) : restart(p, 0, DO_REVERT);
    default:
        return only(0);
    }
}

// A slot that was refused for what its image is stays refused; rotten flash and orders do not
// count.
static bool is_hopeless(uint8_t state, uint16_t reason) {
    return state == SLOT_BAD && (reason == SLOT_REASON_CRASHED ||
                                 (reason >= SLOT_REASON_IDENTITY && reason <= SLOT_REASON_FORMAT));
}

static enum plan_offer_verdict refuse(int *why, int err) {
    *why = err;
    return OFFER_REFUSE;
}

static bool is_too_early(const struct plan_offer_facts *f) {
    uint32_t shift = clamp(f->reverts, 1, SHIFT_MAX) - 1;
    return f->state == SLOT_REVERTED && f->uptime_s < ((uint64_t)f->pause_s << shift);
}

enum plan_offer_verdict plan_offer(const struct plan_offer_facts *f, int *why) {
    *why = 0;
    if (f->manifest < 0) {
        return refuse(why, f->manifest);
    }
    if (f->is_running || (!f->confirmed && f->state == SLOT_CONFIRMED)) {
        return OFFER_NONE; // nothing to do, or the other slot is the way back
    }
    if (f->is_other && f->state == SLOT_INSTALLING) {
        return OFFER_TAKE; // going on wears nothing
    }
    if (f->is_other && f->state == SLOT_READY) {
        return OFFER_NONE;
    }
    if (f->is_other && is_hopeless(f->state, f->reason)) {
        return refuse(why, ERR_STATE);
    }
    if (f->worn || (f->is_other && is_too_early(f))) {
        return refuse(why, ERR_BUSY);
    }
    bool is_there = f->is_other && (f->state == SLOT_REVERTED || f->state == SLOT_CONFIRMED);
    return is_there ? OFFER_RECHECK : OFFER_TAKE;
}

enum plan_reply plan_reply(const struct plan_reply_facts *f) {
    bool whole = f->length == f->size;
    switch (f->status) {
    case 200:
        if (!whole && f->length != UINT64_MAX) {
            return REPLY_DROP; // the blob under this name is not the one of the manifest
        }
        if (f->from == 0) {
            return REPLY_GO_ON;
        }
        return f->started_over ? REPLY_DROP : REPLY_START_OVER;
    case 206:
        if (f->from == 0 || f->range_from != f->from || f->range_total != f->size) {
            return REPLY_AGAIN;
        }
        return f->length == UINT64_MAX || f->length == f->size - f->from ? REPLY_GO_ON
                                                                         : REPLY_AGAIN;
    case 404:
    case 410:
        return REPLY_DROP;
    case 416:
        return f->started_over ? REPLY_DROP : REPLY_AGAIN_FROM_0;
    default:
        return REPLY_AGAIN;
    }
}
