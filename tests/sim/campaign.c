// SPDX-License-Identifier: Apache-2.0
// Power-cut campaign: every flash operation of each scenario, cut in every way, on every geometry.
// Usage: power_cuts geometry N            what images must be made for
//        power_cuts run N FOLDER          the campaign on geometry N
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FIRST = 0, SECOND = 1, FAULTY = 2, LATER = 3, SMALL = 4, SMALLER = 5 };

struct scenario {
    const char *name;
    void (*prepare)(int parameter); // leaves the device as it is when the scenario begins
    int parameter;
    struct goal goal;
    struct goal later; // must still work after whatever was cut
    bool twice;        // cut a second time during the recovery
    uint32_t failures; // so many programs fail, and then it is cut
};

static struct {
    const char *scenario;
    uint32_t at;
    enum cut cut;
    uint32_t again_in;
    enum cut again;
    uint32_t count;    // boot count when the scenario begins
    uint32_t fail_at;  // operation from which on programs fail ...
    uint32_t failures; // ... so many of them
} now;

_Noreturn void sim_fail(const char *file, int line, const char *what) {
    printf("FAILED %s:%d: %s\n  %s on \"%s\", cut %s operation %u, then %s %u later\n%s\n", file,
           line, what, now.scenario, nor.geometry->name, nor_cut_name[now.cut], now.at,
           nor_cut_name[now.again], now.again_in, console);
    exit(1);
}

static void prepare_first(int image) {
    device_make(image);
}

// Second image confirmed in B, the first still whole in A.
static void prepare_second(int image) {
    device_make(FIRST);
    device_drive((struct goal){image, CONFIRMS}, RESET_POWER_ON);
}

// Both slots whole and no journal: as it leaves a line that writes flash images.
static void prepare_fresh(int image) {
    prepare_second(image);
    for (int sector = 0; sector < 2; sector++) {
        const struct hal_area *area = &nor.geometry->layout.journal[sector];
        uint32_t start = area->offset;
        uint32_t size;
        while (start < area->offset + area->size) {
            SIM_CHECK(hal_flash_block(&nor.geometry->flash, start, &start, &size) == 0);
            SIM_CHECK(hal_flash_erase(&nor.geometry->flash, start) == 0);
            start += size;
        }
    }
    device_count = 0; // with the journal the count is lost, too
}

// The journal has `left` places: it rolls over somewhere in the scenario.
static void prepare_nearly_full(int left) {
    struct hal_layout layout = nor.geometry->layout;
    struct journal j;
    device_make(SMALL);
    layout.flash = &nor.geometry->flash;
    SIM_CHECK(journal_open(&j, &layout, JOURNAL_AT_RUN) == 0);
    const uint8_t budget[12] = {16};
    while (j.places - j.next > left || j.next > j.places) {
        SIM_CHECK(journal_append(&j, (struct journal_id){.type = JOURNAL_WEAR}, budget,
                                 sizeof(budget)) == 0);
    }
}

static void run(const struct scenario *s, const struct nor_snapshot *start) {
    nor_restore(start);
    device_count = now.count;
    nor_arm(now.at, now.cut, now.at * 31 + (uint32_t)now.cut * 7 + now.again_in * 1009 + 1);
    nor.cut_again_in = now.again_in;
    nor.cut_again = now.again;
    nor.fail_at = now.fail_at;
    nor.failures = now.failures;
    device_drive(s->goal, RESET_SOFTWARE);
}

struct tally {
    uint32_t ops, cuts, boots, resumes;
};

static void finish(const struct scenario *s) {
    nor_arm(0, CUT_BEFORE, now.at + 77);
    device_drive(s->later, RESET_POWER_ON);
}

static void cut_twice(const struct scenario *s, const struct nor_snapshot *start, struct tally *t) {
    for (now.again_in = 1;; now.again_in++) {
        now.again = (enum cut)((now.again_in + now.at + (uint32_t)now.cut) % CUT_KINDS);
        run(s, start);
        if (nor.cut_at == 0) {
            t->cuts++;
            finish(s);
        } else {
            break; // the second never came: no operations left to cut
        }
    }
    now.again_in = 0;
}

static void cut_at(const struct scenario *s, const struct nor_snapshot *start, struct tally *t) {
    for (int cut = 0; cut < CUT_KINDS; cut++) {
        now.cut = (enum cut)cut;
        run(s, start);
        SIM_CHECK(nor.was_cut || now.failures > 0);
        t->cuts += nor.was_cut;
        finish(s);
        if (s->twice) {
            cut_twice(s, start, t);
        }
    }
}

// Programs fail from each operation on, and each of those that follow is cut.
static void fail_and_cut(const struct scenario *s, const struct nor_snapshot *start,
                         struct tally *t) {
    enum { FOLLOWING = 10 };
    now.failures = s->failures;
    for (now.fail_at = 1; now.fail_at <= t->ops; now.fail_at++) {
        for (now.at = now.fail_at + now.failures; now.at < now.fail_at + now.failures + FOLLOWING;
             now.at++) {
            cut_at(s, start, t);
        }
    }
    now.failures = 0;
}

static struct tally campaign(const struct scenario *s) {
    struct tally t = {0};
    now.scenario = s->name;
    now.at = 0;
    s->prepare(s->parameter);
    struct nor_snapshot *start = nor_save();
    now.count = device_count;
    uint32_t boots_before = device_boots;
    uint32_t resumes_before = device_resumes;
    run(s, start);
    t.ops = nor.ops;
    finish(s);
    if (s->failures > 0) {
        fail_and_cut(s, start, &t);
    } else {
        for (now.at = 1; now.at <= t.ops; now.at++) {
            cut_at(s, start, &t);
        }
    }
    t.boots = device_boots - boots_before;
    t.resumes = device_resumes - resumes_before;
    nor_free(start);
    return t;
}

static void report(const struct scenario *s) {
    clock_t began = clock();
    struct tally t = campaign(s);
    printf("| %-24s | %-28s | %4u | %5u | %6u | %7u | %5.1f |\n", nor.geometry->name, s->name,
           t.ops, t.cuts, t.boots, t.resumes, (double)(clock() - began) / CLOCKS_PER_SEC);
    fflush(stdout);
}

static const struct scenario long_install = {
    "install, confirm", prepare_first, FIRST, {SECOND, CONFIRMS}, {LATER, CONFIRMS}, false, 0};

static const struct scenario scenarios[] = {
    {"install into A, confirm",
     prepare_second,
     SECOND,
     {LATER, CONFIRMS},
     {SECOND, CONFIRMS},
     false,
     0},
    {"install, crashes, back",
     prepare_first,
     SMALL,
     {FAULTY, CRASHES},
     {SMALLER, CONFIRMS},
     false,
     0},
    {"install, gives up, back",
     prepare_first,
     SMALL,
     {FAULTY, GIVES_UP},
     {SMALLER, CONFIRMS},
     false,
     0},
    {"confirmed, yet it crashes",
     prepare_second,
     SMALL,
     {FIRST, OTHER_CRASHES},
     {SMALLER, CONFIRMS},
     false,
     0},
    {"both slots, no journal",
     prepare_fresh,
     SMALL,
     {SMALL, CONFIRMS},
     {SMALLER, CONFIRMS},
     true,
     0},
};

// What is the same on every part, and expensive: on the first only.
static const struct scenario small_twice = {
    "small install, cut twice", prepare_first, SMALL, {SMALLER, CONFIRMS},
    {SMALL, CONFIRMS},          true,          0};

// Four failures in a row make the journal move to its other sector, whose START is then cut.
static const struct scenario sagging = {
    "programs fail, then cut", prepare_first, SMALL, {SMALLER, CONFIRMS},
    {SMALL, CONFIRMS},         false,         4};

static void run_all(bool first) {
    report(&long_install);
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        report(&scenarios[i]);
    }
    if (first) {
        report(&small_twice);
        report(&sagging);
    }
    for (int left = 0; left <= 9; left += first ? 1 : 3) {
        char name[40];
        snprintf(name, sizeof(name), "journal rolls over, %d left", left);
        report(&(struct scenario){
            name, prepare_nearly_full, left, {SMALLER, CONFIRMS}, {SMALL, CONFIRMS}, false, 0});
    }
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 2;
    }
    unsigned n = (unsigned)atoi(argv[2]);
    if (n >= nor_n_geometries) {
        return 3;
    }
    const struct geometry *g = &nor_geometries[n];
    if (strcmp(argv[1], "geometry") == 0) {
        printf("%u %u %u\n", (unsigned)g->flash.base, g->layout.slot[0].offset,
               g->layout.slot[1].offset);
        return 0;
    }
    device_load(argv[3], g);
    run_all(n == 0);
    nor_print_coverage();
    return 0;
}
