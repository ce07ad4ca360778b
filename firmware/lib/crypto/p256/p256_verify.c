// SPDX-License-Identifier: Apache-2.0
// ECDSA verification in variable time, for public data only: a loop of our own over p256-m's field
// and point functions. It walks u1·G and u2·Q together in non-adjacent form (256 doublings and
// about 170 additions instead of 512 and 512) and needs no inversion modulo p.

// Public data may use the processor's long multiplication even where its time varies (Cortex-M3),
// and none of p256-m's assembly that avoids it.
#define MUL64_IS_CONSTANT_TIME
#undef __ARM_ARCH_PROFILE
#include "p256m.h"

#include "crypto/p256.h"
#include "hal/err.h"
#include <string.h>

// Jacobian coordinates in the Montgomery domain; z = 0 is the point at infinity.
struct point {
    uint32_t x[8], y[8], z[8];
};

// A scalar, and three times it: their difference is its non-adjacent form.
struct naf {
    uint32_t k[9], k3[9];
};

// Completes what has k[0..7].
static void naf_complete(struct naf *f) {
    f->k[8] = 0;
    memset(f->k3, 0, sizeof f->k3);
    (void)u288_muladd(f->k3, 3, f->k);
}

// Digit i: -1, 0 or 1, worth 2^i.
static int naf_digit(const struct naf *f, unsigned i) {
    unsigned word = (i + 1) / 32, bit = (i + 1) % 32;
    return (int)(f->k3[word] >> bit & 1) - (int)(f->k[word] >> bit & 1);
}

static void point_set(struct point *p, const uint32_t x[8], const uint32_t y[8]) {
    memcpy(p->x, x, 32);
    memcpy(p->y, y, 32);
    m256_set32(p->z, 1, &p256_p);
}

// p += sign · (x, y), also where they are equal, opposite, or p is infinity. Nothing if sign is 0.
static void point_add_any(struct point *p, int sign, const uint32_t x[8], const uint32_t y[8]) {
    uint32_t negated[8];
    if (sign == 0) {
        return;
    }
    if (sign < 0) {
        u256_set32(negated, 0);
        m256_sub_p(negated, negated, y);
        y = negated;
    }
    if (u256_diff0(p->z) == 0) {
        point_set(p, x, y);
        return;
    }
    point_add(p->x, p->y, p->z, x, y);
    // point_add's formula leaves z = 0 if the points had the same x; its x is then (y2 - y1)^2.
    if (u256_diff0(p->z) == 0 && u256_diff0(p->x) == 0) {
        point_set(p, x, y);
        point_double(p->x, p->y, p->z);
    }
}

// Is the affine x of `p`, taken modulo n, equal to r? Compares r·z^2 with x, for r and then r + n.
// Spoils both.
static int has_x(struct point *p, uint32_t r[8]) {
    uint32_t t[8];
    m256_mul_p(p->z, p->z, p->z);
    for (unsigned i = 0; i < 2; i++) {
        memcpy(t, r, 32);
        m256_prep(t, &p256_p);
        m256_mul_p(t, t, p->z);
        if (u256_diff(t, p->x) == 0) {
            return 1;
        }
        uint32_t carry = u256_add(r, r, p256_n.m);
        if (carry != 0 || u256_sub(t, r, p256_p.m) == 0) {
            return 0; // r + n is not below p
        }
    }
    return 0;
}

// u1 = hash / s and u2 = r / s (mod n). Apart from p256_verify so that its stack is given back.
static void divide_by_s(struct naf *u1, struct naf *u2, const uint8_t hash[32],
                        const uint32_t s[8]) {
    uint32_t inverse[8];
    memcpy(inverse, s, 32);
    m256_prep(inverse, &p256_n);
    m256_inv(inverse, inverse, &p256_n);
    ecdsa_m256_from_hash(u1->k, hash, 32);
    m256_mul(u1->k, u1->k, inverse, &p256_n);
    m256_done(u1->k, &p256_n);
    naf_complete(u1);
    m256_prep(u2->k, &p256_n);
    m256_mul(u2->k, u2->k, inverse, &p256_n);
    m256_done(u2->k, &p256_n);
    naf_complete(u2);
}

// u1·G + u2·Q
static void multiply(struct point *p, const struct naf *u1, const struct naf *u2,
                     const uint32_t qx[8], const uint32_t qy[8]) {
    memset(p, 0, sizeof *p);
    for (unsigned i = 257; i-- > 0;) { // the form can be one digit longer than the scalar
        point_double(p->x, p->y, p->z);
        point_add_any(p, naf_digit(u1, i), p256_gx, p256_gy);
        point_add_any(p, naf_digit(u2, i), qx, qy);
    }
}

int p256_verify(const uint8_t pub[64], const uint8_t hash[32], const uint8_t sig[64]) {
    uint32_t r[8], qx[8], qy[8];
    struct naf u1, u2;
    struct point p;
    if (scalar_from_bytes(r, sig) != 0 || scalar_from_bytes(p.x, sig + 32) != 0 ||
        point_from_bytes(qx, qy, pub) != 0) {
        return ERR_SIGNATURE;
    }
    memcpy(u2.k, r, 32);
    divide_by_s(&u1, &u2, hash, p.x);
    multiply(&p, &u1, &u2, qx, qy);
    return u256_diff0(p.z) != 0 && has_x(&p, r) ? 0 : ERR_SIGNATURE;
}
