// SPDX-License-Identifier: Apache-2.0
// Reader of the golden vectors for host tests in C; README.md says what they look like. Not for
// firmware: it allocates, and it aborts on whatever a test has not asked for properly.
#pragma once
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal/err.h"

struct vector {
    char name[80]; // topic/case
    char *text;    // the file's lines; freed by the next load
};

static void vector_fail(const char *what, const char *name) {
    fprintf(stderr, "vectors: %s: %s\n", what, name);
    abort();
}

// Load tests/vectors/<topic>/<name>.txt; `v` is zeroed before its first use.
static inline void vector_load(struct vector *v, const char *topic, const char *name) {
    char path[512];
    const char *folder = getenv("VECTORS"); // else beside this header
    int end = folder ? (int)strlen(folder) : (int)(strrchr(__FILE__, '/') - __FILE__);
    snprintf(path, sizeof path, "%.*s/%s/%s.txt", end, folder ? folder : __FILE__, topic, name);
    snprintf(v->name, sizeof v->name, "%.30s/%.40s", topic, name);
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        vector_fail("cannot open", path);
    }
    free(v->text);
    v->text = calloc(1, 16384);
    if (fread(v->text, 1, 16383, f) == 0) {
        vector_fail("cannot read", path);
    }
    fclose(f);
}

// Call `fn` for every case of a topic; returns how many there were.
static inline int vector_each(const char *topic, void (*fn)(const struct vector *v)) {
    char path[512];
    const char *folder = getenv("VECTORS");
    int end = folder ? (int)strlen(folder) : (int)(strrchr(__FILE__, '/') - __FILE__);
    snprintf(path, sizeof path, "%.*s/%s", end, folder ? folder : __FILE__, topic);
    DIR *dir = opendir(path);
    struct vector v = {0};
    int n = 0;
    if (dir == NULL) {
        vector_fail("cannot open", path);
    }
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir)) {
        char *dot = strrchr(e->d_name, '.');
        if (e->d_name[0] != '.' && dot != NULL) {
            *dot = 0;
            vector_load(&v, topic, e->d_name);
            fn(&v);
            n++;
        }
    }
    closedir(dir);
    free(v.text);
    return n;
}

// Start of the value of the `nth` line with this key (0 the first), or NULL. Ends at '\n'.
static inline const char *vector_find(const struct vector *v, const char *key, int nth) {
    size_t size = strlen(key);
    for (const char *p = v->text; p != NULL && *p != 0;) {
        if (strncmp(p, key, size) == 0 && p[size] == ' ' && nth-- == 0) {
            return p + size + 1;
        }
        p = strchr(p, '\n');
        p = p ? p + 1 : NULL;
    }
    return NULL;
}

static inline const char *vector_must(const struct vector *v, const char *key) {
    const char *p = vector_find(v, key, 0);
    if (p == NULL) {
        vector_fail(key, v->name);
    }
    return p;
}

// A number: decimal, or hexadecimal with 0x.
static inline uint32_t vector_number(const struct vector *v, const char *key) {
    return (uint32_t)strtoul(vector_must(v, key), NULL, 0);
}

// 1 if the value is exactly `word`.
static inline int vector_is(const struct vector *v, const char *key, const char *word) {
    const char *p = vector_must(v, key);
    return strncmp(p, word, strlen(word)) == 0 && p[strlen(word)] == '\n';
}

// Decode hexadecimal digits at `hex` up to a blank or the line's end; returns the number of bytes.
static inline uint32_t vector_unhex(const char *hex, uint8_t *to, uint32_t size) {
    uint32_t n = 0;
    for (; hex[0] > ' ' && hex[1] > ' '; hex += 2, n++) {
        char digits[3] = {hex[0], hex[1], 0};
        if (n == size) {
            vector_fail("longer than the test's buffer", hex);
        }
        to[n] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

// The bytes of a value ("-" is none); returns how many.
static inline uint32_t vector_hex(const struct vector *v, const char *key, uint8_t *to,
                                  uint32_t size) {
    return vector_unhex(vector_must(v, key), to, size);
}

// What `expect` says: 0 for OK, else the number of the ERR_ name.
static inline int vector_expect(const struct vector *v) {
    static const struct {
        const char *name;
        int err;
    } names[] = {
        {"OK", 0},
        {"ERR_RANGE", ERR_RANGE},
        {"ERR_FORMAT", ERR_FORMAT},
        {"ERR_UNSUPPORTED", ERR_UNSUPPORTED},
        {"ERR_NO_SPACE", ERR_NO_SPACE},
        {"ERR_NOT_FOUND", ERR_NOT_FOUND},
        {"ERR_SIGNATURE", ERR_SIGNATURE},
        {"ERR_DIGEST", ERR_DIGEST},
        {"ERR_IDENTITY", ERR_IDENTITY},
        {"ERR_ROLLBACK", ERR_ROLLBACK},
        {"ERR_RELOCATION", ERR_RELOCATION},
        {"ERR_SLOT_BOUND", ERR_SLOT_BOUND},
        {"ERR_AUTH", ERR_AUTH},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vector_is(v, "expect", names[i].name)) {
            return names[i].err;
        }
    }
    vector_fail("no known expect", v->name);
    return ERR_STATE;
}
