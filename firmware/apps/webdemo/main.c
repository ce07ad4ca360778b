// SPDX-License-Identifier: Apache-2.0
// A device with a web page: what it is and how it is, and two routes that move a lot of data.
#include "json.h"
#include "page.h"

#include "app.h"
#include "crypto/sha256.h"
#include "hal/board_name.h"
#include "net/http_server.h"
#include "os/boot.h"
#include "os/heap.h"
#include "os/log.h"
#include "os/panic.h"
#include "os/time.h"
#include "update/update.h"

enum {
    HTTP_PORT = 80,
    DIGESTS_MAX = 4, // uploads at once
    UPLOAD_BYTES_MAX = 16 << 20,
    PATTERN_BYTES = 1 << 20,
};

static void show_page(struct net_http_exchange *x) {
    net_http_reply(x, 200, "text/html; charset=utf-8", page, page_bytes);
}

static const char *reason_text(uint8_t reason) {
    static const char *const texts[] = {"unknown", "power-on", "software", "watchdog",
                                        "panic",   "update",   "external"};
    return texts[reason < sizeof(texts) / sizeof(texts[0]) ? reason : 0];
}

static void put_update(struct json *j) {
    struct update_status s;
    update_status(&s);
    json_open(j, "update");
    json_text(j, "doing", s.doing);
    json_text(j, "device", s.device_id);
    json_flag(j, "enrolled", s.enrolled);
    json_flag(j, "confirmed", s.confirmed);
    json_flag(j, "ready", s.ready);
    json_number(j, "polls", s.polls);
    json_number(j, "answers", s.answers);
    json_number(j, "refused", s.refused);
    json_number(j, "received", s.received_bytes);
    json_number(j, "total", s.total_bytes);
    json_number(j, "error", (uint32_t)-s.last_error);
    json_close(j);
}

static void show_status(struct net_http_exchange *x) {
    size_t size;
    struct json j = json_begin(net_http_buffer(x, &size), size);
    const struct handover *boot = os_handover();
    struct os_heap_stats heap;
    os_heap_stats(&heap);
    json_text(&j, "app", APP_NAME);
    json_text(&j, "version", APP_VERSION);
    json_text(&j, "board", board_name);
    json_text(&j, "slot", boot->slot == 0 ? "A" : "B");
    json_number(&j, "uptime_ms", os_now_ms());
    json_open(&j, "heap");
    json_number(&j, "size", (uint32_t)heap.size);
    json_number(&j, "used", (uint32_t)heap.used);
    json_number(&j, "peak", (uint32_t)heap.peak);
    json_close(&j);
    json_open(&j, "boot");
    json_number(&j, "count", boot->boot_count);
    json_text(&j, "reason", reason_text(boot->reset_reason));
    json_text(&j, "mode", boot->mode == BOOT_SAFE ? "safe" : "normal");
    json_number(&j, "crashes", boot->crashes);
    json_number(&j, "instructions", boot->phase_us[3]);
    json_close(&j);
    put_update(&j);
    net_http_reply(x, 200, "application/json", net_http_buffer(x, &size), json_end(&j));
}

// POST /digest: takes any body and answers with its size and SHA-256.
static struct digest {
    struct sha256 sha;
    bool is_used;
} digests[DIGESTS_MAX];

static void begin_digest(struct net_http_exchange *x) {
    for (uint32_t i = 0; i < DIGESTS_MAX; i++) {
        if (!digests[i].is_used) {
            digests[i].is_used = true;
            sha256_init(&digests[i].sha);
            net_http_set_user(x, &digests[i]);
            return;
        }
    }
    net_http_reply(x, 503, "text/plain", "busy\n", 5);
}

static void feed_digest(struct net_http_exchange *x, const uint8_t *data, uint32_t n) {
    struct digest *d = net_http_user(x);
    if (d != NULL) {
        sha256_update(&d->sha, data, n);
    }
}

static void drop_digest(struct net_http_exchange *x) {
    struct digest *d = net_http_user(x);
    if (d != NULL) {
        d->is_used = false;
        net_http_set_user(x, NULL);
    }
}

static void end_digest(struct net_http_exchange *x) {
    uint8_t hash[SHA256_BYTES];
    struct digest *d = net_http_user(x);
    if (d == NULL) {
        sha256(NULL, 0, hash); // an empty body has no head call
    } else {
        sha256_final(&d->sha, hash);
    }
    drop_digest(x);
    size_t size;
    struct json j = json_begin(net_http_buffer(x, &size), size);
    json_number(&j, "bytes", net_http_body_bytes(x));
    json_hex(&j, "sha256", hash, sizeof(hash));
    net_http_reply(x, 200, "application/json", net_http_buffer(x, &size), json_end(&j));
}

// GET /pattern: a mebibyte of which everybody knows each byte.
static int make_pattern(struct net_http_exchange *x, uint32_t offset, char *to, uint32_t room) {
    (void)x;
    for (uint32_t i = 0; i < room; i++, offset++) {
        to[i] = (char)(offset * 7 + (offset >> 8) * 13);
    }
    return (int)room;
}

static void show_pattern(struct net_http_exchange *x) {
    net_http_reply_from(x, 200, "application/octet-stream", PATTERN_BYTES, make_pattern);
}

static const struct net_http_route routes[] = {
    {.path = "/", .methods = NET_HTTP_GET, .on_request = show_page},
    {.path = "/status", .methods = NET_HTTP_GET, .on_request = show_status},
    {.path = "/digest",
     .methods = NET_HTTP_POST,
     .body_max = UPLOAD_BYTES_MAX,
     .on_head = begin_digest,
     .on_body = feed_digest,
     .on_request = end_digest,
     .on_gone = drop_digest},
    {.path = "/pattern", .methods = NET_HTTP_GET, .on_request = show_pattern},
    {0},
};

int main(void) {
    int err = net_http_serve(HTTP_PORT, routes);
    if (err < 0) {
        os_panic("webdemo: no listening port");
    }
    LOG("webdemo %s: port %u", APP_VERSION, HTTP_PORT);
    return 0;
}
