// SPDX-License-Identifier: Apache-2.0
// sources: firmware/update/agent/plan.c
// include: firmware/update/agent firmware/slots/include
// The agent's decisions over every state, event and setting: rules that must never be broken.
#include "check.h"
#include "hal/err.h"
#include "plan.h"
#include "slots/slots.h"
#include <string.h>

static const uint32_t ENDS =
    DO_POLL | DO_ENROL | DO_DOWNLOAD | DO_RESUME | DO_CHECK | DO_SWITCH | DO_REVERT | DO_WAIT;

static bool one_bit_at_most(uint32_t bits) {
    return (bits & (bits - 1)) == 0;
}

static void check_writes(const struct plan *was, const struct plan *is, const struct plan_event *e,
                         uint32_t effects) {
    if (effects & (DO_DOWNLOAD | DO_CHECK) && e->what == PLAN_EV_ANSWER) {
        CHECK(!is->ready && !is->going); // what was ready there is gone
        CHECK(was->activity == PLAN_POLL);
    }
    if (effects & DO_DOWNLOAD) {
        CHECK(e->what == PLAN_EV_ANSWER && e->offer == OFFER_TAKE);
    }
    if (effects & DO_RESUME) {
        CHECK(e->what == PLAN_EV_DUE && was->activity == PLAN_PAUSE);
    }
    if (is->ready && !was->ready) {
        CHECK(e->what == PLAN_EV_GOOD && was->activity == PLAN_CHECK);
    }
}

static void check_restarts(const struct plan *was, const struct plan *is,
                           const struct plan_event *e, uint32_t effects) {
    if (effects & DO_SWITCH) {
        CHECK(was->ready && !is->hold);
        CHECK((e->what == PLAN_EV_ANSWER && e->go && was->told_ready) ||
              (e->what == PLAN_EV_RELEASE && was->going));
    }
    if (effects & DO_REVERT) {
        CHECK(e->what == PLAN_EV_OVERDUE && !was->confirmed);
    }
    CHECK(!!(effects & (DO_SWITCH | DO_REVERT)) ==
          (is->activity == PLAN_OVER && was->activity != PLAN_OVER));
    if (is->going && !was->going) {
        CHECK(e->what == PLAN_EV_ANSWER && e->go && was->told_ready && was->ready);
    }
    if (e->what == PLAN_EV_ANSWER && was->activity == PLAN_POLL && !e->go) {
        CHECK(!is->going); // withdrawn
    }
}

static void check_confirms(const struct plan *was, const struct plan *is,
                           const struct plan_config *c, const struct plan_event *e,
                           uint32_t effects) {
    if (effects & DO_CONFIRM) {
        CHECK(!was->confirmed);
        CHECK(was->approved || (e->what == PLAN_EV_ANSWER && e->confirm));
        CHECK(!c->wants_health || was->healthy || e->what == PLAN_EV_HEALTHY);
    }
    if (is->confirmed && !was->confirmed) {
        CHECK(e->what == PLAN_EV_CONFIRMED);
    }
    if (effects & DO_FORGET_REPORTS) {
        CHECK(e->what == PLAN_EV_ANSWER && !e->resync && !was->enrolling);
    }
    if (is->approved && !was->approved) {
        CHECK(e->what == PLAN_EV_ANSWER && e->confirm);
    }
}

// What did not come from the server may delay the next poll, and nothing else.
static void check_strangers(const struct plan *was, const struct plan *is,
                            const struct plan_event *e, uint32_t effects) {
    if (e->what != PLAN_EV_REFUSED && e->what != PLAN_EV_FORBIDDEN && e->what != PLAN_EV_SILENT) {
        return;
    }
    struct plan same = *is;
    same.activity = was->activity;
    same.failures = was->failures;
    same.enrol_next = was->enrol_next;
    CHECK(memcmp(&same, was, sizeof same) == 0);
    CHECK((effects & ~(uint32_t)(DO_WAIT | DO_COUNT_REFUSED)) == 0);
    CHECK(!is->enrol_next || was->enrol_next || e->what == PLAN_EV_FORBIDDEN);
}

static void check_waits(const struct plan *was, const struct plan *is,
                        const struct plan_step *step) {
    if (step->effects & DO_WAIT) {
        CHECK(step->min_ms <= step->max_ms && step->max_ms <= 86400u * 1000);
        CHECK(is->activity == PLAN_WAIT || is->activity == PLAN_PAUSE);
    }
    // Nobody may wait for a timer that was not asked for.
    bool waits = is->activity == PLAN_WAIT || is->activity == PLAN_PAUSE;
    if (waits && was->activity != is->activity) {
        CHECK(step->effects & DO_WAIT);
    }
    if (is->activity == PLAN_POLL && was->activity != PLAN_POLL) {
        CHECK(step->effects & (DO_POLL | DO_ENROL));
        CHECK(is->enrolling == !!(step->effects & DO_ENROL));
        CHECK(is->enrolling || was->enrolled);
    }
    if (is->activity == PLAN_DOWNLOAD && was->activity != PLAN_DOWNLOAD) {
        CHECK(step->effects & (DO_DOWNLOAD | DO_RESUME));
    }
    if (is->activity == PLAN_CHECK && was->activity != PLAN_CHECK) {
        CHECK(step->effects & DO_CHECK);
    }
}

static void check_one(const struct plan *was, const struct plan_config *c,
                      const struct plan_event *e) {
    struct plan is = *was;
    struct plan_step step = plan_next(&is, c, e);
    CHECK(one_bit_at_most(step.effects & ENDS));
    check_writes(was, &is, e, step.effects);
    check_restarts(was, &is, e, step.effects);
    check_confirms(was, &is, c, e, step.effects);
    check_strangers(was, &is, e, step.effects);
    check_waits(was, &is, &step);
    if (was->activity == PLAN_OVER) {
        CHECK(step.effects == 0 && memcmp(&is, was, sizeof is) == 0);
    }
    CHECK(is.interval_s >= 1 && is.interval_s <= 86400);
}

static void check_events(const struct plan *p, const struct plan_config *c) {
    struct plan_event e;
    for (unsigned what = 0; what <= PLAN_EV_COUNT; what++) {
        unsigned variants = what == PLAN_EV_ANSWER ? 4 * 2 * 2 * 2 : what == PLAN_EV_BROKEN ? 2 : 1;
        for (unsigned v = 0; v < variants; v++) {
            memset(&e, 0, sizeof e);
            e.what = (uint8_t)what;
            e.offer = v % 4;
            e.go = v >> 2 & 1;
            e.confirm = v >> 3 & 1;
            e.resync = v >> 4 & 1;
            e.progress = v & 1;
            e.next_s = v % 3 == 0 ? 0 : v % 3 == 1 ? 60 : UINT32_MAX;
            check_one(p, c, &e);
        }
    }
}

static struct plan make_state(unsigned activity, unsigned flags, unsigned counts) {
    static const uint8_t failures[] = {0, 1, 255};
    struct plan p;
    memset(&p, 0, sizeof p); // padding too: states are compared byte by byte
    p.activity = (uint8_t)activity;
    p.confirmed = flags & 1;
    p.enrolled = flags >> 1 & 1;
    p.enrolling = flags >> 2 & 1;
    p.enrol_next = flags >> 3 & 1;
    p.ready = flags >> 4 & 1;
    p.told_ready = flags >> 5 & 1;
    p.going = flags >> 6 & 1;
    p.hold = flags >> 7 & 1;
    p.healthy = flags >> 8 & 1;
    p.approved = flags >> 9 & 1;
    p.urgent = flags >> 10 & 1;
    p.failures = failures[counts % 3];
    p.resyncs = failures[counts / 3 % 3];
    p.breaks = (uint8_t)(counts / 9 % 3);
    p.interval_s = counts & 1 ? 1 : 86400;
    return p;
}

static void every_state_keeps_the_rules(void) {
    for (unsigned health = 0; health < 2; health++) {
        const struct plan_config c = {.poll_s = 300, .retry_s = 5, .wants_health = health};
        for (unsigned activity = 0; activity <= PLAN_OVER; activity++) {
            for (unsigned flags = 0; flags < 1u << 11; flags++) {
                if ((flags >> 6 & 1) && !(flags >> 4 & 1)) {
                    continue; // going implies ready
                }
                for (unsigned counts = 0; counts < 27; counts++) {
                    struct plan p = make_state(activity, flags, counts);
                    check_events(&p, &c);
                }
            }
        }
    }
}

static struct plan_step happen(struct plan *p, const struct plan_config *c, enum plan_what what) {
    struct plan_event e = {.what = (uint8_t)what};
    return plan_next(p, c, &e);
}

static struct plan_step answered(struct plan *p, const struct plan_config *c, struct plan_event e) {
    e.what = PLAN_EV_ANSWER;
    e.next_s = 60;
    return plan_next(p, c, &e);
}

static void a_new_device_is_updated(void) {
    const struct plan_config c = {.poll_s = 300, .retry_s = 5};
    struct plan p = {.confirmed = true};
    plan_init(&p, &c);
    struct plan_step s = happen(&p, &c, PLAN_EV_NET_UP);
    CHECK(s.effects == DO_WAIT && s.min_ms == 0 && s.max_ms == 300000);
    CHECK(happen(&p, &c, PLAN_EV_DUE).effects == DO_ENROL);
    s = answered(&p, &c, (struct plan_event){.resync = true});
    CHECK(s.effects == (DO_WAIT | DO_GENERATION) && s.max_ms == 0);
    CHECK(happen(&p, &c, PLAN_EV_DUE).effects == DO_POLL);
    s = answered(&p, &c, (struct plan_event){.offer = OFFER_TAKE});
    CHECK(s.effects == (DO_DOWNLOAD | DO_FORGET_REPORTS));
    CHECK(happen(&p, &c, PLAN_EV_BROKEN).effects == DO_WAIT);
    CHECK(happen(&p, &c, PLAN_EV_DUE).effects == DO_RESUME);
    CHECK(happen(&p, &c, PLAN_EV_FETCHED).effects == DO_CHECK);
    s = happen(&p, &c, PLAN_EV_GOOD);
    CHECK(s.effects == DO_WAIT && s.max_ms == 0 && p.ready);
    CHECK(happen(&p, &c, PLAN_EV_DUE).effects == DO_POLL && p.told_ready);
    CHECK(answered(&p, &c, (struct plan_event){.go = true}).effects ==
          (DO_SWITCH | DO_FORGET_REPORTS));
    CHECK(p.activity == PLAN_OVER);
}

static void a_new_image_polls_at_once_and_confirms(void) {
    const struct plan_config c = {.poll_s = 300, .retry_s = 5, .wants_health = true};
    struct plan p = {.enrolled = true};
    plan_init(&p, &c);
    struct plan_step s = happen(&p, &c, PLAN_EV_NET_UP);
    CHECK(s.effects == DO_WAIT && s.max_ms == 0);
    happen(&p, &c, PLAN_EV_DUE);
    s = answered(&p, &c, (struct plan_event){.confirm = true});
    CHECK(!(s.effects & DO_CONFIRM)); // the app has not said that it works
    CHECK(happen(&p, &c, PLAN_EV_HEALTHY).effects == DO_CONFIRM);
    s = happen(&p, &c, PLAN_EV_CONFIRMED);
    CHECK(s.effects == DO_WAIT && s.max_ms == 0);
    CHECK(happen(&p, &c, PLAN_EV_OVERDUE).effects == 0);
}

static void a_new_image_without_server_goes_back(void) {
    const struct plan_config c = {.poll_s = 300, .retry_s = 5};
    struct plan p = {.enrolled = true};
    plan_init(&p, &c);
    happen(&p, &c, PLAN_EV_NET_UP);
    for (int i = 0; i < 100; i++) {
        happen(&p, &c, PLAN_EV_DUE);
        struct plan_step s = happen(&p, &c, PLAN_EV_SILENT);
        CHECK(s.effects == DO_WAIT && s.max_ms <= 60000);
    }
    CHECK(happen(&p, &c, PLAN_EV_OVERDUE).effects == DO_REVERT);
}

static void a_held_restart_waits_and_can_be_withdrawn(void) {
    const struct plan_config c = {.poll_s = 300, .retry_s = 5};
    struct plan p = {.activity = PLAN_WAIT, .confirmed = true, .enrolled = true, .ready = true};
    plan_init(&p, &c);
    happen(&p, &c, PLAN_EV_HOLD);
    happen(&p, &c, PLAN_EV_DUE);
    CHECK(!(answered(&p, &c, (struct plan_event){.go = true}).effects & DO_SWITCH));
    struct plan kept = p;
    CHECK(happen(&p, &c, PLAN_EV_RELEASE).effects == DO_SWITCH);
    p = kept;
    happen(&p, &c, PLAN_EV_DUE);
    answered(&p, &c, (struct plan_event){0});
    CHECK(happen(&p, &c, PLAN_EV_RELEASE).effects == 0 && p.ready);
}

static void three_failures_end_an_offer_but_progress_counts_anew(void) {
    const struct plan_config c = {.poll_s = 300, .retry_s = 5};
    struct plan p = {.activity = PLAN_POLL, .confirmed = true, .enrolled = true};
    plan_init(&p, &c);
    answered(&p, &c, (struct plan_event){.offer = OFFER_TAKE});
    const struct plan_event further = {.what = PLAN_EV_BROKEN, .progress = true};
    for (int i = 0; i < 10; i++) {
        CHECK(plan_next(&p, &c, &further).effects == DO_WAIT);
        CHECK(happen(&p, &c, PLAN_EV_DUE).effects == DO_RESUME);
    }
    CHECK(happen(&p, &c, PLAN_EV_BROKEN).effects == DO_WAIT);
    CHECK(happen(&p, &c, PLAN_EV_DUE).effects == DO_RESUME);
    CHECK(happen(&p, &c, PLAN_EV_BROKEN).effects == (DO_GIVE_UP | DO_WAIT));
}

static void endless_resyncs_slow_down(void) {
    const struct plan_config c = {.poll_s = 300, .retry_s = 5};
    struct plan p = {.activity = PLAN_POLL, .confirmed = true};
    plan_init(&p, &c);
    CHECK(answered(&p, &c, (struct plan_event){.resync = true}).max_ms == 0);
    happen(&p, &c, PLAN_EV_DUE);
    struct plan_step s = answered(&p, &c, (struct plan_event){.resync = true});
    CHECK(s.min_ms >= 45000 && s.max_ms == 60000);
    happen(&p, &c, PLAN_EV_DUE);
    s = answered(&p, &c, (struct plan_event){.resync = true});
    CHECK(s.min_ms >= 90000 && s.max_ms == 120000);
}

static void offers(void) {
    int why;
    struct plan_offer_facts f = {.confirmed = true, .pause_s = 3600};
    CHECK(plan_offer(&f, &why) == OFFER_TAKE);
    f.is_running = true;
    CHECK(plan_offer(&f, &why) == OFFER_NONE);
    f = (struct plan_offer_facts){.state = SLOT_CONFIRMED};
    CHECK(plan_offer(&f, &why) == OFFER_NONE);
    f.state = SLOT_BAD; // no way back: what is new is the way out
    CHECK(plan_offer(&f, &why) == OFFER_TAKE);
    f = (struct plan_offer_facts){.confirmed = true, .manifest = ERR_SIGNATURE};
    CHECK(plan_offer(&f, &why) == OFFER_REFUSE && why == ERR_SIGNATURE);
    f = (struct plan_offer_facts){.confirmed = true, .is_other = true, .state = SLOT_READY};
    CHECK(plan_offer(&f, &why) == OFFER_NONE);
    f.state = SLOT_INSTALLING;
    CHECK(plan_offer(&f, &why) == OFFER_TAKE);
    f.state = SLOT_CONFIRMED;
    CHECK(plan_offer(&f, &why) == OFFER_RECHECK);
    f.state = SLOT_BAD;
    f.reason = SLOT_REASON_CRASHED;
    CHECK(plan_offer(&f, &why) == OFFER_REFUSE && why == ERR_STATE);
    f.reason = SLOT_REASON_SIGNATURE; // the flash lost it: another copy may be good
    CHECK(plan_offer(&f, &why) == OFFER_TAKE);
    f.is_other = false; // another image than the one that crashed
    f.reason = SLOT_REASON_CRASHED;
    CHECK(plan_offer(&f, &why) == OFFER_TAKE);
}

// The slot that an unconfirmed image may have to go back to is never written, whatever is offered.
static void the_way_back_is_never_written(void) {
    for (unsigned i = 0; i < 1u << 12; i++) {
        const struct plan_offer_facts f = {
            .manifest = i & 1 ? ERR_SIGNATURE : 0,
            .confirmed = i >> 1 & 1,
            .is_running = i >> 2 & 1,
            .is_other = i >> 3 & 1,
            .worn = i >> 4 & 1,
            .state = i >> 5 & 7,
            .reason = i >> 8 & 15,
            .uptime_s = 1000000,
        };
        int why = 1;
        enum plan_offer_verdict v = plan_offer(&f, &why);
        bool writes = v == OFFER_TAKE || v == OFFER_RECHECK;
        CHECK(!writes || f.manifest == 0);
        CHECK(!writes || f.confirmed || f.state != SLOT_CONFIRMED);
        CHECK(!writes || !f.worn || (f.is_other && f.state == SLOT_INSTALLING));
        CHECK(!writes || !f.is_running);
        CHECK((v == OFFER_REFUSE) == (why < 0));
    }
}

static void reverted_images_wait_longer_each_time(void) {
    int why;
    struct plan_offer_facts f = {.confirmed = true,
                                 .is_other = true,
                                 .state = SLOT_REVERTED,
                                 .reverts = 1,
                                 .pause_s = 3600,
                                 .uptime_s = 3599};
    CHECK(plan_offer(&f, &why) == OFFER_REFUSE && why == ERR_BUSY);
    f.uptime_s = 3600;
    CHECK(plan_offer(&f, &why) == OFFER_RECHECK);
    f.reverts = 2;
    CHECK(plan_offer(&f, &why) == OFFER_REFUSE);
    f.reverts = 255;
    f.uptime_s = UINT32_MAX;
    plan_offer(&f, &why);
}

static void replies(void) {
    const uint64_t none = UINT64_MAX;
    struct plan_reply_facts f = {200, 0, 1000, 1000, none, none, false};
    CHECK(plan_reply(&f) == REPLY_GO_ON);
    f.length = none;
    CHECK(plan_reply(&f) == REPLY_GO_ON);
    f.length = 999;
    CHECK(plan_reply(&f) == REPLY_DROP);
    f = (struct plan_reply_facts){200, 100, 1000, 1000, none, none, false};
    CHECK(plan_reply(&f) == REPLY_START_OVER);
    f.started_over = true;
    CHECK(plan_reply(&f) == REPLY_DROP);
    f = (struct plan_reply_facts){206, 100, 1000, 900, 100, 1000, false};
    CHECK(plan_reply(&f) == REPLY_GO_ON);
    f.range_from = 99;
    CHECK(plan_reply(&f) == REPLY_AGAIN);
    f.range_from = 100;
    f.range_total = 1001;
    CHECK(plan_reply(&f) == REPLY_AGAIN);
    f.range_total = 1000;
    f.length = 901;
    CHECK(plan_reply(&f) == REPLY_AGAIN);
    f = (struct plan_reply_facts){206, 0, 1000, 1000, 0, 1000, false};
    CHECK(plan_reply(&f) == REPLY_AGAIN); // nobody asked for a part
    f = (struct plan_reply_facts){416, 100, 1000, 0, none, none, false};
    CHECK(plan_reply(&f) == REPLY_AGAIN_FROM_0);
    f.started_over = true;
    CHECK(plan_reply(&f) == REPLY_DROP);
    for (int status = 0; status < 600; status++) {
        f = (struct plan_reply_facts){status, 0, 1000, 1000, none, none, false};
        enum plan_reply is = plan_reply(&f);
        CHECK(is == REPLY_AGAIN || status == 200 || status == 404 || status == 410 ||
              status == 416);
    }
}

int main(void) {
    every_state_keeps_the_rules();
    a_new_device_is_updated();
    a_new_image_polls_at_once_and_confirms();
    a_new_image_without_server_goes_back();
    a_held_restart_waits_and_can_be_withdrawn();
    three_failures_end_an_offer_but_progress_counts_anew();
    endless_resyncs_slow_down();
    offers();
    the_way_back_is_never_written();
    reverted_images_wait_longer_each_time();
    replies();
    return 0;
}
