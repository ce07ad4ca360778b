// SPDX-License-Identifier: Apache-2.0
// The wear budget (design: a stolen server must not be able to wear the flash out): each slot erase
// draws one, half a day of uptime gives one back, a new version that was confirmed fills it.
#include "agent.h"
#include "hal/err.h"
#include "os/log.h"
#include <string.h>

enum {
    BUDGET = 16,
    HOUR_MS = 3600 * 1000,
    GIVE_BACK_HOURS = 12,
};

// docs/flash.md, WEAR. Hours of uptime are counted over all starts, or a device that is switched
// off each day would never get one back.
struct wear {
    uint8_t budget;
    uint8_t hours; // towards the next one
    struct image_version highest;
};

static struct os_timer hour_timer;
static const struct journal_id wear_id = {.type = JOURNAL_WEAR};

static struct wear load(void) {
    uint8_t p[JOURNAL_PAYLOAD_BYTES];
    struct wear w = {.budget = BUDGET};
    if (journal_get(&agent.journal, wear_id, p, NULL) < 0) {
        return w;
    }
    w.budget = p[0] < BUDGET ? p[0] : BUDGET;
    w.hours = p[1];
    w.highest.major = p[4];
    w.highest.minor = p[5];
    w.highest.revision = (uint16_t)(p[6] | p[7] << 8);
    w.highest.build = p[8] | (uint32_t)p[9] << 8 | (uint32_t)p[10] << 16 | (uint32_t)p[11] << 24;
    return w;
}

static int store(const struct wear *w) {
    const struct image_version *v = &w->highest;
    const uint8_t p[12] = {w->budget,
                           w->hours,
                           0,
                           0,
                           v->major,
                           v->minor,
                           (uint8_t)v->revision,
                           (uint8_t)(v->revision >> 8),
                           (uint8_t)v->build,
                           (uint8_t)(v->build >> 8),
                           (uint8_t)(v->build >> 16),
                           (uint8_t)(v->build >> 24)};
    return journal_append(&agent.journal, wear_id, p, sizeof p);
}

bool wear_allows(void) {
    return agent.development || load().budget > 0;
}

int wear_draw(void) {
    if (agent.development) {
        return 0;
    }
    struct wear w = load();
    if (w.budget == 0) {
        return ERR_BUSY;
    }
    w.budget--;
    return store(&w);
}

void wear_confirmed(void) {
    struct wear w = load();
    if (image_version_compare(&agent.running_version, &w.highest) <= 0) {
        return;
    }
    w.budget = BUDGET;
    w.highest = agent.running_version;
    if (store(&w) < 0) {
        LOG("update: wear budget not stored");
    }
}

static void on_hour(struct os_timer *timer) {
    struct wear w = load();
    os_timer_again(timer, HOUR_MS);
    if (w.budget == BUDGET) {
        return;
    }
    w.hours++;
    if (w.hours >= GIVE_BACK_HOURS) {
        w.hours = 0;
        w.budget++;
    }
    if (store(&w) < 0) {
        LOG("update: wear budget not stored");
    }
}

void wear_start(void) {
    os_timer_start(&hour_timer, HOUR_MS, on_hour);
}
