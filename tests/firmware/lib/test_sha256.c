// SPDX-License-Identifier: Apache-2.0
// SHA-256: the examples of FIPS 180-4 (NIST), and every way to cut a message into two.
#include "check.h"
#include "crypto/sha256.h"
#include "hex.h"

static void examples(void) {
    static const struct {
        const char *message, *digest;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrl"
         "mno"
         "pqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    uint8_t digest[32];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        sha256(known[i].message, strlen(known[i].message), digest);
        CHECK(is_hex(digest, 32, known[i].digest));
    }
}

static void a_million_letters(void) {
    struct sha256 s;
    char letters[1000];
    uint8_t digest[32];
    memset(letters, 'a', sizeof letters);
    sha256_init(&s);
    for (int i = 0; i < 1000; i++) {
        sha256_update(&s, letters, sizeof letters);
    }
    sha256_final(&s, digest);
    CHECK(is_hex(digest, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

// Lengths around every boundary of the padding, cut in two everywhere.
static void pieces(void) {
    uint8_t data[200], whole[32], parts[32];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    for (size_t size = 0; size <= sizeof data; size++) {
        sha256(data, size, whole);
        for (size_t cut = 0; cut <= size; cut++) {
            struct sha256 s;
            sha256_init(&s);
            sha256_update(&s, data, cut);
            sha256_update(&s, data + cut, size - cut);
            sha256_final(&s, parts);
            CHECK(check_same(whole, parts, 32));
        }
    }
}

int main(void) {
    examples();
    a_million_letters();
    pieces();
    return 0;
}
