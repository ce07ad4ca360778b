// SPDX-License-Identifier: Apache-2.0
// The library's functions behind a pipe, for tests that compare them with other implementations:
// each line of standard input is a name and hexadecimal arguments ("-" for none), each answer a
// line.
#include "cbor/cose.h"
#include "cbor_copy.h"
#include "check.h"
#include "crypto/drbg.h"
#include "crypto/hmac.h"
#include "crypto/p256.h"
#include "image/image.h"

enum { MAX_ARGS = 6, MAX_BYTES = 1 << 16 };

struct arg {
    uint8_t *bytes; // exactly as large as needed, so that the sanitizer sees one byte too many
    size_t size;
};

static void print_hex(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        printf("%02x", data[i]);
    }
    puts(size == 0 ? "-" : "");
}

static struct arg parse_arg(const char *text) {
    struct arg a = {.size = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2};
    a.bytes = malloc(a.size);
    for (size_t i = 0; i < a.size; i++) {
        char digits[3] = {text[2 * i], text[2 * i + 1], 0};
        a.bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return a;
}

static void run_sha256(const struct arg *a) {
    uint8_t out[32];
    sha256(a[0].bytes, a[0].size, out);
    print_hex(out, 32);
}

static void run_hmac(const struct arg *a) {
    struct hmac h;
    uint8_t out[32];
    hmac_init(&h, a[0].bytes, a[0].size);
    hmac_update(&h, a[1].bytes, a[1].size);
    hmac_final(&h, out);
    print_hex(out, 32);
}

static void run_hkdf(const struct arg *a) {
    uint8_t out[32];
    const struct hkdf_input from = {a[0].bytes, a[1].bytes, a[2].bytes,
                                    a[0].size,  a[1].size,  a[2].size};
    hkdf(&from, out);
    print_hex(out, 32);
}

// seed, what is mixed in, a size in one byte: that many bytes before and after the mixing
static void run_drbg(const struct arg *a) {
    struct drbg d;
    uint8_t out[510];
    size_t n = a[2].bytes[0];
    drbg_init(&d, a[0].bytes, a[0].size);
    drbg_bytes(&d, out, n);
    drbg_mix(&d, a[1].bytes, a[1].size);
    drbg_bytes(&d, out + n, n);
    print_hex(out, 2 * n);
}

static void run_verify(const struct arg *a) {
    printf("%d\n", p256_verify(a[0].bytes, a[1].bytes, a[2].bytes));
}

static void run_ecdh(const struct arg *a) {
    uint8_t z[32];
    int err = p256_ecdh(z, a[0].bytes, a[1].bytes);
    if (err < 0) {
        printf("%d\n", err);
    } else {
        print_hex(z, 32);
    }
}

static void run_der(const struct arg *a) {
    uint8_t sig[64];
    int err = p256_from_der(sig, a[0].bytes, a[0].size);
    if (err < 0) {
        printf("%d\n", err);
    } else {
        print_hex(sig, 64);
    }
}

static void run_cbor(const struct arg *a) {
    static uint8_t buffer[MAX_BYTES];
    struct cbor_in in;
    struct cbor_out out;
    cbor_in_init(&in, a[0].bytes, a[0].size);
    (void)cbor_skip(&in);
    int err = cbor_done(&in);
    if (err < 0) {
        printf("%d\n", err);
        return;
    }
    cbor_in_init(&in, a[0].bytes, a[0].size);
    cbor_out_init(&out, buffer, sizeof buffer);
    cbor_copy(&in, &out);
    CHECK(in.err == 0 && out.err == 0);
    print_hex(buffer, out.used);
}

// message, key, aad → "typ kid payload" or an error
static void run_mac0(const struct arg *a) {
    struct cose c;
    int err = cose_parse_mac0(&c, a[0].bytes, a[0].size);
    err = err < 0 ? err : cose_verify_mac0(&c, a[1].bytes, a[2].bytes, a[2].size);
    if (err < 0) {
        printf("%d\n", err);
        return;
    }
    printf("%u ", c.typ);
    print_hex(c.payload, c.payload_size);
}

// statement, X‖Y → the same
static void run_sign1(const struct arg *a) {
    struct cose c;
    int err = cose_parse_sign1(&c, a[0].bytes, a[0].size);
    err = err < 0 ? err : cose_verify_sign1(&c, a[1].bytes);
    if (err < 0) {
        printf("%d\n", err);
        return;
    }
    printf("%u ", c.typ);
    print_hex(c.payload, c.payload_size);
}

// typ (2 bytes), kid, key, aad, payload → message; the payload lies inside the output
static void run_write(const struct arg *a) {
    size_t size = a[4].size + COSE_MAC0_MAX_OVERHEAD;
    uint8_t *out = malloc(size);
    uint8_t *payload = out + size - a[4].size;
    memcpy(payload, a[4].bytes, a[4].size);
    const struct cose_mac0 m = {
        .typ = (unsigned)(a[0].bytes[0] << 8 | a[0].bytes[1]),
        .kid = a[1].bytes,
        .key = a[2].bytes,
        .aad = a[3].bytes,
        .aad_size = a[3].size,
        .payload = payload,
        .payload_size = a[4].size,
    };
    int n = cose_write_mac0(out, size, &m);
    CHECK(n > 0);
    CHECK(cose_write_mac0(out, (size_t)n - 1, &m) < 0);
    print_hex(out, (size_t)n);
    free(out);
}

static int read_image(void *ctx, uint32_t offset, void *to, uint32_t size) {
    const struct arg *a = ctx;
    CHECK(offset <= a->size && size <= a->size - offset);
    memcpy(to, a->bytes + offset, size);
    return 0;
}

// image, slot A's body, where its body lies (big-endian) → canonical digest or an error
static void run_image(const struct arg *a) {
    const struct image_source source = {read_image, (void *)(uintptr_t)&a[0]};
    struct image_info info;
    uint8_t digest[32];
    uint32_t at[2];
    for (int i = 0; i < 2; i++) {
        const uint8_t *p = a[1 + i].bytes;
        at[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    }
    const struct image_place place = {.slot_a_body = at[0], .body = at[1]};
    int err = image_parse(&info, &source, (uint32_t)a[0].size);
    if (err == 0) {
        err = image_canonical_digest(&info, &source, &place, digest);
    }
    if (err < 0) {
        printf("%d\n", err);
    } else {
        print_hex(digest, 32);
    }
}

static const struct {
    const char *name;
    void (*run)(const struct arg *args);
} commands[] = {
    {"sha256", run_sha256}, {"hmac", run_hmac},   {"hkdf", run_hkdf},   {"drbg", run_drbg},
    {"verify", run_verify}, {"ecdh", run_ecdh},   {"der", run_der},     {"cbor", run_cbor},
    {"mac0", run_mac0},     {"sign1", run_sign1}, {"write", run_write}, {"image", run_image},
};

int main(void) {
    static char line[2 * MAX_ARGS * MAX_BYTES];
    while (fgets(line, sizeof line, stdin) != NULL) {
        struct arg args[MAX_ARGS] = {0};
        int n = 0;
        bool known = false;
        const char *name = strtok(line, " \n");
        for (const char *word; n < MAX_ARGS && (word = strtok(NULL, " \n")) != NULL;) {
            args[n++] = parse_arg(word);
        }
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            if (strcmp(commands[i].name, name) == 0) {
                commands[i].run(args);
                known = true;
            }
        }
        CHECK(known);
        while (n > 0) {
            free(args[--n].bytes);
        }
    }
    return 0;
}
