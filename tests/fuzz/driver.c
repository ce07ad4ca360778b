// SPDX-License-Identifier: Apache-2.0
// Fuzzing where there is no libFuzzer: gives a target each seed as it is, then mutations of the
// seeds, the same ones for the same number. Usage: PROGRAM runs seed FILE...
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SEEDS = 512, MAX_BYTES = 4096, MAX_CHANGES = 6 };

struct input {
    uint8_t bytes[MAX_BYTES];
    size_t size;
};

static struct input *seeds[MAX_SEEDS];
static size_t n_seeds;
static uint64_t state;

static uint32_t below(size_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n == 0 ? 0 : (uint32_t)((state >> 20) % n);
}

static void load(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL || n_seeds == MAX_SEEDS) {
        perror(path);
        exit(2);
    }
    struct input *s = calloc(1, sizeof *s);
    s->size = fread(s->bytes, 1, MAX_BYTES, f);
    seeds[n_seeds++] = s;
    fclose(f);
}

static void insert(struct input *in, const uint8_t *from, size_t n, size_t at) {
    if (n > MAX_BYTES - in->size) {
        return;
    }
    memmove(in->bytes + at + n, in->bytes + at, in->size - at);
    memcpy(in->bytes + at, from, n);
    in->size += n;
}

static void delete(struct input *in, size_t n, size_t at) {
    n = n < in->size - at ? n : in->size - at;
    memmove(in->bytes + at, in->bytes + at + n, in->size - at - n);
    in->size -= n;
}

static void change(struct input *in) {
    static const uint32_t numbers[] = {0,       1,          2,          4,          0x7f,
                                       0x80,    0xff,       0x100,      0x7fff,     0xffff,
                                       0x10000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
    size_t at = below(in->size + 1), width = (size_t)1 << below(3);
    const struct input *other = seeds[below(n_seeds)];
    uint8_t random[8];
    uint32_t number = numbers[below(sizeof numbers / sizeof numbers[0])];
    for (size_t i = 0; i < sizeof random; i++) {
        random[i] = (uint8_t)below(256);
    }
    switch (below(7)) {
    case 0:
        if (at < in->size) {
            in->bytes[at] ^= (uint8_t)(1 << below(8));
        }
        break;
    case 1:
        if (at < in->size) {
            in->bytes[at] = random[0];
        }
        break;
    case 2: // an interesting number, little-endian
        if (in->size >= width && at <= in->size - width) {
            memcpy(in->bytes + at, &number, width);
        }
        break;
    case 3:
        insert(in, random, 1 + below(sizeof random), at);
        break;
    case 4:
        delete(in, 1 + below(16), at);
        break;
    case 5: // a piece of another seed
        if (other->size > 0) {
            size_t from = below(other->size), n = 1 + below(other->size - from);
            insert(in, other->bytes + from, n < 64 ? n : 64, at);
        }
        break;
    default: // less or more one
        if (at < in->size) {
            in->bytes[at] = (uint8_t)(in->bytes[at] + (below(2) ? 1 : 255));
        }
    }
}

// In a block of its own size, so that the sanitizer sees one byte too many.
static void run(const struct input *in) {
    uint8_t *exact = malloc(in->size);
    memcpy(exact, in->bytes, in->size);
    (void)LLVMFuzzerTestOneInput(exact, in->size);
    free(exact);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: %s runs seed FILE...\n", argv[0]);
        return 2;
    }
    long runs = strtol(argv[1], NULL, 0);
    state = strtoul(argv[2], NULL, 0) | 1;
    for (int i = 3; i < argc; i++) {
        load(argv[i]);
        run(seeds[n_seeds - 1]);
    }
    for (long i = 0; i < runs; i++) {
        struct input in = *seeds[below(n_seeds)];
        for (uint32_t n = 1 + below(MAX_CHANGES); n > 0; n--) {
            change(&in);
        }
        run(&in);
    }
    for (size_t i = 0; i < n_seeds; i++) {
        free(seeds[i]);
    }
    printf("%ld mutations of %zu seeds\n", runs, n_seeds);
    return 0;
}
