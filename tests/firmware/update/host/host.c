// SPDX-License-Identifier: Apache-2.0
// sources: tests/firmware/update/host/flash.c tests/firmware/update/host/starter.c
// sources: firmware/update/agent/*.c firmware/boot/choose.c hal/flash.c
// components: slots lib/crypto/p256
// include: firmware/update/agent firmware/update/agent/include firmware/boot
// include: firmware/net/core/include firmware/net/http-client/include
// include: firmware/os/base/include firmware/os/log/include firmware/os/panic/include
// include: firmware/os/random/include firmware/os/sched/include firmware/os/time/include
// The whole agent as a process. What it wants is printed, what happens to it is read, line by line:
//   REQUEST <method> <url> <range|-> <body|->   answered by HEAD, BODY …, LATER <ms>, DONE
//   IDLE <ms>                                   answered by GO, HOLD, RELEASE, HEALTHY, STATUS,
//   QUIT
// A reset ends the process: "RESET <reason>", exit 0. It tells its flash operations at its end, and
// where it was when power was cut: "OPERATIONS <n>", "CUT <place> <place>".
// Use: host FLASH_FILE RESET_REASON [OPERATION HOW]
#include "hal/board.h"
#include "hal/err.h"
#include "net/http_client.h"
#include "net/net.h"
#include "os/boot.h"
#include "os/log.h"
#include "os/panic.h"
#include "os/random.h"
#include "os/reset.h"
#include "os/sched.h"
#include "os/time.h"
#include "update/update.h"
#include "world.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct handover handover;
static uint64_t now_ms;
static struct os_timer *timers;
static const struct net_http_request *pending;
static struct net_watcher *watcher;

const struct handover *os_handover(void) {
    return &handover;
}
const struct crash_record *os_last_crash(void) {
    struct crash_record *r = world_crash();
    return r->magic == CRASH_MAGIC ? r : NULL;
}

void os_last_crash_clear(void) {
    world_crash()->magic = 0;
}

static _Noreturn void crash(void) {
    struct crash_record *r = world_crash();
    memset(r, 0, sizeof *r);
    r->magic = CRASH_MAGIC;
    r->slot_base = handover.slot_base;
    r->fault.kind = HAL_FAULT_ASSERT;
    r->fault.pc = 0x1234;
    os_reset(RESET_PANIC);
}
uint32_t os_now_ms(void) {
    return (uint32_t)now_ms;
}
uint64_t os_uptime_us(void) {
    return now_ms * 1000;
}

void os_log(const char *format, ...) {
    va_list args;
    va_start(args, format);
    printf("LOG ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
}

void os_random(void *to, size_t size) {
    for (size_t i = 0; i < size; i++) {
        ((uint8_t *)to)[i] = (uint8_t)(rand() >> 7);
    }
}

void os_reset(enum reset_reason reason) {
    hal_reset(reason);
}

static _Noreturn void end(void) {
    printf("OPERATIONS %u\n", flash_operations());
    fflush(stdout);
    _exit(0);
}

void hal_reset(enum reset_reason reason) {
    printf("RESET %d\n", reason);
    end();
}

void os_timer_stop(struct os_timer *timer) {
    for (struct os_timer **p = &timers; *p; p = &(*p)->next) {
        if (*p == timer) {
            *p = timer->next;
            return;
        }
    }
}

void os_timer_start(struct os_timer *timer, uint32_t in_ms, void (*fn)(struct os_timer *timer)) {
    os_timer_stop(timer);
    timer->fn = fn;
    timer->due_ms = (uint32_t)now_ms + in_ms;
    timer->next = timers;
    timers = timer;
}

void os_timer_again(struct os_timer *timer, uint32_t in_ms) {
    os_timer_start(timer, in_ms, timer->fn);
}

void net_on_up(struct net_watcher *w, void (*fn)(struct net_watcher *watcher)) {
    watcher = w;
    w->fn = fn;
}

int net_http_start(struct net_http *http, const struct net_http_request *request) {
    if (!http->reserved || pending) {
        abort();
    }
    pending = request;
    return 0;
}

void net_http_abort(struct net_http *http) {
    (void)http;
    pending = NULL;
}

char *read_line(void) {
    static char line[8192];
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) {
        end();
    }
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void print_hex(const uint8_t *bytes, uint32_t n) {
    printf("%s", n ? "" : "-");
    for (uint32_t i = 0; i < n; i++) {
        printf("%02x", bytes[i]);
    }
}

static int deliver_body(const struct net_http_request *r, const char *hex) {
    uint32_t n = (uint32_t)strlen(hex) / 2;
    uint8_t *bytes = malloc(n ? n : 1); // exactly as long, so that an overrun is seen
    for (uint32_t i = 0; i < n; i++) {
        sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
    }
    int err = r->on_body(r->ctx, bytes, n);
    free(bytes);
    return err;
}

static struct os_timer *next_timer(void) {
    struct os_timer *first = timers;
    for (struct os_timer *t = timers; t; t = t->next) {
        first = t->due_ms - (uint32_t)now_ms < first->due_ms - (uint32_t)now_ms ? t : first;
    }
    return first;
}

static void run_timer(struct os_timer *timer) {
    now_ms += (uint32_t)(timer->due_ms - (uint32_t)now_ms);
    os_timer_stop(timer);
    timer->fn(timer);
}

// Time goes by while a request is under way.
static void let_pass(uint32_t ms) {
    uint64_t until = now_ms + ms;
    for (;;) {
        struct os_timer *timer = next_timer();
        if (!timer || now_ms + (uint32_t)(timer->due_ms - (uint32_t)now_ms) > until) {
            break;
        }
        run_timer(timer);
    }
    now_ms = until;
}

static void answer_request(void) {
    const struct net_http_request *r = pending;
    printf("REQUEST %s %s ", r->method, r->url);
    printf(r->range_from == NET_HTTP_NO_RANGE ? "- " : "%u ", r->range_from);
    print_hex(r->body, r->body_n);
    printf("\n");
    int err = 0;
    for (;;) {
        char *line = read_line();
        int status = 0, done = 0;
        uint32_t ms = 0;
        bool over = pending != r; // the agent does not want it any more
        int64_t length, from, total;
        if (sscanf(line, "HEAD %d %" SCNd64 " %" SCNd64 " %" SCNd64, &status, &length, &from,
                   &total) == 4) {
            err = r->on_head(r->ctx, status, (uint64_t)length, (uint64_t)from, (uint64_t)total);
        } else if (strncmp(line, "BODY ", 5) == 0) {
            err = err == 0 && !over ? deliver_body(r, line + 5) : err;
        } else if (sscanf(line, "LATER %u", &ms) == 1) {
            let_pass(ms);
        } else if (sscanf(line, "DONE %d", &done) == 1) {
            if (over) {
                return;
            }
            pending = NULL;
            r->on_done(r->ctx, err < 0 ? err : done);
            return;
        }
    }
}

static void print_status(void) {
    struct update_status s;
    update_status(&s);
    printf(
        "STATUS {\"doing\":\"%s\",\"device\":\"%s\",\"enrolled\":%d,\"confirmed\":%d,\"ready\":%d,"
        "\"polls\":%u,\"answers\":%u,\"refused\":%u,\"received\":%u,\"error\":%d,"
        "\"operations\":%u,\"slot\":%d,\"uptime_ms\":%" PRIu64 "}\n",
        s.doing, s.device_id, s.enrolled, s.confirmed, s.ready, s.polls, s.answers, s.refused,
        s.received_bytes, s.last_error, flash_operations(), handover.slot, now_ms);
}

static void be_idle(void) {
    struct os_timer *timer = next_timer();
    printf("IDLE %u\n", timer->due_ms - (uint32_t)now_ms);
    const char *line = read_line();
    if (strcmp(line, "GO") == 0) {
        run_timer(timer);
    } else if (strcmp(line, "HOLD") == 0) {
        update_hold(true);
    } else if (strcmp(line, "RELEASE") == 0) {
        update_hold(false);
    } else if (strcmp(line, "HEALTHY") == 0) {
        update_healthy();
    } else if (strcmp(line, "CRASH") == 0) {
        crash();
    } else if (strcmp(line, "STATUS") == 0) {
        print_status();
    } else {
        end();
    }
}

int main(int argc, char **argv) {
    flash_open(argv[1]);
    if (argc > 4) {
        flash_cut_at((uint32_t)atoi(argv[3]), (enum cut)atoi(argv[4]));
    }
    start_image(&handover, (enum reset_reason)atoi(argv[2]));
    srand(handover.boot_count);
    if (update_init() < 0) {
        return 1;
    }
    if (watcher) {
        watcher->fn(watcher);
    }
    for (;;) {
        if (pending) {
            answer_request();
        } else {
            be_idle();
        }
    }
}
