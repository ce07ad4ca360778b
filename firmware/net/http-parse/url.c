// SPDX-License-Identifier: Apache-2.0
// URLs of requests that we make.
#include "hal/err.h"
#include "lines.h"

#include <string.h>

static bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
}

// Only what may stand in a request line: no blanks, no controls, no fragment.
static bool is_path(const char *path) {
    for (; *path != '\0'; path++) {
        if (*path <= ' ' || *path > '~' || *path == '#') {
            return false;
        }
    }
    return true;
}

int http_url_parse(const char *url, uint32_t host_max, struct http_url *out) {
    static const char scheme[] = "http://";
    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0) {
        return ERR_RANGE;
    }
    const char *host = url + sizeof(scheme) - 1;
    const char *at = host;
    while (is_host_char(*at)) {
        at++;
    }
    size_t host_n = (size_t)(at - host);
    if (host_n == 0 || host_n > host_max || host_n > 200) {
        return ERR_RANGE;
    }
    uint64_t port = 80;
    if (*at == ':') {
        at++;
        if (!http_number(&at, at + strlen(at), &port) || port == 0 || port > 0xFFFF) {
            return ERR_RANGE;
        }
    }
    if ((*at != '\0' && *at != '/') || !is_path(at)) {
        return ERR_RANGE;
    }
    *out = (struct http_url){
        .host = host,
        .path = *at == '\0' ? "/" : at,
        .host_n = (uint8_t)host_n,
        .authority_n = (uint8_t)(at - host),
        .port = (uint16_t)port,
    };
    return 0;
}
