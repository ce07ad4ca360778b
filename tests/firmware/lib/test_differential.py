# SPDX-License-Identifier: Apache-2.0
"""The C library beside other implementations: cryptography, hashlib, cbor2, unitool.formats."""

from __future__ import annotations

import hashlib
import hmac
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import cbor2
import host_c
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from unitool.formats import cbor, cose, image, p256, relocation
from unitool.formats.err import Err
from unitool.formats.reasons import FormatError
from unitool.formats.version import Version

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
ERR_SIGNATURE = "-14"

Point = tuple[int, int]
Ask = Callable[[list[tuple[str | bytes, ...]]], list[str]]


@pytest.fixture(scope="module")
def ask() -> Ask:
    program = host_c.build(Path(__file__).with_name("lib_host.c"))

    def run(requests: list[tuple[str | bytes, ...]]) -> list[str]:
        text = "\n".join(
            " ".join(w if isinstance(w, str) else w.hex() or "-" for w in words)
            for words in requests
        )
        done = subprocess.run(
            [program], input=text + "\n", capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        answers = done.stdout.splitlines()
        assert len(answers) == len(requests)
        return ["" if answer == "-" else answer for answer in answers]

    return run


def b32(number: int) -> bytes:
    return number.to_bytes(32, "big")


def xy(point: Point) -> bytes:
    return b32(point[0]) + b32(point[1])


def add(a: Point | None, b: Point | None) -> Point | None:
    """Affine addition by the textbook; None is infinity."""
    if a is None or b is None:
        return a or b
    if a[0] == b[0]:
        if (a[1] + b[1]) % P == 0:
            return None
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, P)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def times(k: int, point: Point | None) -> Point | None:
    result: Point | None = None
    while k:
        if k & 1:
            result = add(result, point)
        point = add(point, point)
        k >>= 1
    return result


def on_curve(point: Point) -> bool:
    return (point[1] ** 2 - point[0] ** 3 + 3 * point[0] - B) % P == 0


def textbook_verify(q: Point, e: int, r: int, s: int) -> bool:
    if not (0 < r < N and 0 < s < N and on_curve(q)):
        return False
    w = pow(s, -1, N)
    point = add(times(e * w % N, G), times(r * w % N, q))
    return point is not None and point[0] % N == r


def library_verify(public: bytes, digest: bytes, r: int, s: int) -> bool:
    try:
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big"), ec.SECP256R1()
        )
        numbers.public_key().verify(
            encode_dss_signature(r, s), digest, ec.ECDSA(Prehashed(hashes.SHA256()))
        )
    except Exception:  # whatever it objects to
        return False
    return True


def test_hashes_and_derivation(ask: Ask) -> None:
    rnd = random.Random(1)
    requests: list[tuple[str | bytes, ...]] = []
    expected = []
    for size in [*range(0, 140), 1000, 4097]:
        data, key, salt = rnd.randbytes(size), rnd.randbytes(size % 131), rnd.randbytes(size % 67)
        requests += [("sha256", data), ("hmac", key, data), ("hkdf", salt, key, data)]
        expected += [hashlib.sha256(data).digest(), hmac.digest(key, data, "sha256")]
        expected.append(HKDF(hashes.SHA256(), 32, salt, data).derive(key))
    assert ask(requests) == [e.hex() for e in expected]


def test_drbg_follows_the_standard(ask: Ask) -> None:
    def mac(key: bytes, *data: bytes) -> bytes:
        return hmac.digest(key, b"".join(data), "sha256")

    def update(k: bytes, v: bytes, data: bytes) -> tuple[bytes, bytes]:
        k = mac(k, v, b"\0", data)
        v = mac(k, v)
        if data:
            k = mac(k, v, b"\1", data)
            v = mac(k, v)
        return k, v

    def generate(k: bytes, v: bytes, size: int) -> tuple[bytes, bytes, bytes]:
        out = b""
        while len(out) < size:
            v = mac(k, v)
            out += v
        return out[:size], *update(k, v, b"")

    rnd = random.Random(2)
    requests: list[tuple[str | bytes, ...]] = []
    expected = []
    for size in [*range(0, 100, 7), 32, 64, 255]:
        seed, more = rnd.randbytes(48), rnd.randbytes(size % 40)
        k, v = update(bytes(32), b"\1" * 32, seed)
        first, k, v = generate(k, v, size)
        k, v = update(k, v, more)
        second, k, v = generate(k, v, size)
        requests.append(("drbg", seed, more, bytes([size])))
        expected.append((first + second).hex())
    assert ask(requests) == expected


def test_signatures_of_another_implementation(ask: Ask) -> None:
    rnd = random.Random(3)
    requests: list[tuple[str | bytes, ...]] = []
    expected = []
    for i in range(100):
        key = ec.derive_private_key(rnd.randrange(1, N), ec.SECP256R1())
        public = key.public_key().public_numbers()
        q, digest = (public.x, public.y), rnd.randbytes(32)
        der = key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        r, s = decode_dss_signature(der)
        if i % 3 == 1:
            s = N - s  # as valid
        if i % 3 == 2:
            digest = rnd.randbytes(32)
        requests.append(("verify", xy(q), digest, b32(r) + b32(s)))
        expected.append("0" if library_verify(xy(q), digest, r, s) else ERR_SIGNATURE)
        if i % 3 == 0:
            requests.append(("der", der))
            expected.append((b32(r) + b32(s)).hex())
    assert "0" in expected and ERR_SIGNATURE in expected
    assert ask(requests) == expected


def edge_signatures() -> list[tuple[Point, int, int, int]]:
    """Return (Q, hash, r, s) where the sum of the two products passes through corners."""
    rnd = random.Random(4)
    minus_g = (G[0], P - G[1])
    cases: list[tuple[Point, int, int, int]] = []
    for k in (
        1,
        2,
        3,
        4,
        5,
        7,
        8,
        N - 1,
        N - 2,
        N // 2,
        N // 2 + 1,
        *(1 << i for i in (31, 128, 255)),
    ):
        point = times(k % N, G)
        assert point is not None
        for q in (G, minus_g, times(2, G), times(3, G), times(N - 2, G), point):
            assert q is not None
            r = point[0] % N
            for u1, u2 in ((k, 0), (0, 1), (1, 1), (1, N - 1), (2, 1), (1, 2), (k, 1), (N - k, 1)):
                # s and hash that give these u1 and u2 with this r
                if u2 % N and r:
                    s = r * pow(u2, -1, N) % N
                    cases.append((q, u1 * s % N, r, s))
                else:
                    cases.append((q, u1 % N, r, 1))
    # Scalars whose non-adjacent form is one digit longer, and sums that are really r
    for _ in range(150):
        u1, u2 = (
            rnd.choice((N - rnd.randrange(1, 9), rnd.randrange(1, 9), rnd.randrange(1, N)))
            for _ in "ab"
        )
        q = times(rnd.choice((1, 2, N - 1, rnd.randrange(1, N))), G)
        assert q is not None
        total = add(times(u1, G), times(u2, q))
        r = total[0] % N if total else rnd.randrange(1, N)
        s = r * pow(u2, -1, N) % N
        cases.append((q, u1 * s % N, r, s))
    return cases


def test_corners_of_the_double_multiplication(ask: Ask) -> None:
    cases = edge_signatures()
    requests: list[tuple[str | bytes, ...]] = [
        ("verify", xy(q), b32(e), b32(r) + b32(s)) for q, e, r, s in cases
    ]
    expected = ["0" if textbook_verify(*case) else ERR_SIGNATURE for case in cases]
    assert expected.count("0") > 100
    assert ask(requests) == expected


def points_with_x_above_n() -> list[Point]:
    found = []
    x = N
    while len(found) < 3:
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            found.append((x, y))
        x += 1
    return found


def test_x_between_n_and_p_is_taken_modulo_n(ask: Ask) -> None:
    rnd = random.Random(5)
    requests: list[tuple[str | bytes, ...]] = []
    expected = []
    for total in points_with_x_above_n():
        r = total[0] - N
        for _ in range(3):
            s, e = rnd.randrange(1, N), rnd.randrange(1, N)
            if r == 0:
                continue  # no signature has r = 0
            # Q = (s·R - e·G) / r
            minus_eg = times(N - e, G)
            q = times(pow(r, -1, N), add(times(s, total), minus_eg))
            assert q is not None and textbook_verify(q, e, r, s)
            assert library_verify(xy(q), b32(e), r, s)
            requests += [("verify", xy(q), b32(e), b32(r) + b32(s))]
            requests += [("verify", xy(q), b32(e), b32(r + 1) + b32(s))]
            expected += ["0", ERR_SIGNATURE]
    assert ask(requests) == expected


def test_s_is_not_taken_modulo_n(ask: Ask) -> None:
    """s + n is s modulo n; whoever accepts it has two names for one signature."""
    rnd = random.Random(6)
    d, k, s = rnd.randrange(1, N), rnd.randrange(1, N), rnd.randrange(1, 2**200)
    point, q = times(k, G), times(d, G)
    assert point is not None and q is not None
    r = point[0] % N
    e = (s * k - r * d) % N
    asked: list[tuple[str | bytes, ...]] = [
        ("verify", xy(q), b32(e), b32(r) + b32(s)),
        ("verify", xy(q), b32(e), b32(r) + b32(s + N)),
    ]
    assert ask(asked) == ["0", ERR_SIGNATURE]


def test_shared_secrets(ask: Ask) -> None:
    rnd = random.Random(7)
    requests: list[tuple[str | bytes, ...]] = []
    expected = []
    for scalar in [1, 2, 3, N - 1, N - 2, 2**255, *(rnd.randrange(1, N) for _ in range(30))]:
        mine = ec.derive_private_key(scalar, ec.SECP256R1())
        theirs = ec.derive_private_key(rnd.randrange(1, N), ec.SECP256R1()).public_key()
        numbers = theirs.public_numbers()
        requests.append(("ecdh", b32(scalar), xy((numbers.x, numbers.y))))
        expected.append(mine.exchange(ec.ECDH(), theirs).hex())
    assert ask(requests) == expected


def random_item(rnd: random.Random, depth: int) -> object:
    kind = rnd.randrange(4 if depth == 0 else 6)
    if kind == 0:
        return rnd.choice((rnd.randrange(30), rnd.getrandbits(rnd.choice((8, 16, 32, 64)))))
    if kind == 1:
        return -1 - rnd.getrandbits(rnd.choice((3, 8, 16, 32, 63)))
    if kind == 2:
        return rnd.randbytes(rnd.choice((0, 1, 23, 24, 255, 256)))
    if kind == 3:
        return "".join(rnd.choice("aZ0 äß€😀\u07ff\u0800") for _ in range(rnd.randrange(12)))
    if kind == 4:
        return [random_item(rnd, depth - 1) for _ in range(rnd.choice((0, 1, 2, 5, 25)))]
    keys = [
        rnd.choice((rnd.getrandbits(9), -1 - rnd.getrandbits(9), rnd.randbytes(2), "k"))
        for _ in "abcd"
    ]
    return {key: random_item(rnd, depth - 1) for key in keys}


def bytewise(item: object) -> bytes:
    """Encode by RFC 8949 section 4.2.1; cbor2's canonical form sorts keys by length first."""
    if isinstance(item, dict):
        pairs = sorted((bytewise(k), bytewise(v)) for k, v in item.items())
        head = cbor2.dumps(len(pairs))
        return bytes([head[0] | 0xA0]) + head[1:] + b"".join(k + v for k, v in pairs)
    if isinstance(item, list):
        head = cbor2.dumps(len(item))
        return bytes([head[0] | 0x80]) + head[1:] + b"".join(bytewise(i) for i in item)
    return cbor2.dumps(item)


def test_cbor_is_read_and_written_again(ask: Ask) -> None:
    rnd = random.Random(8)
    items = [bytewise(random_item(rnd, rnd.randrange(4))) for _ in range(300)]
    items = [item for item in items if len(item) < 30000]
    assert ask([("cbor", item) for item in items]) == [item.hex() for item in items]


def mutate(rnd: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rnd.randrange(1, 3)):
        at = rnd.randrange(len(out)) if out else 0
        match rnd.randrange(4):
            case 0 if out:
                out[at] ^= 1 << rnd.randrange(8)
            case 1 if out:
                del out[at]
            case 2:
                out.insert(at, rnd.getrandbits(8))
            case _:
                del out[rnd.randrange(len(out) + 1) :]
    return bytes(out)


def test_cbor_is_refused_where_the_tools_refuse_it(ask: Ask) -> None:
    rnd = random.Random(9)
    spoiled = []
    for _ in range(600):
        item = bytewise(random_item(rnd, rnd.randrange(4)))
        if len(item) < 4000:
            spoiled.append(mutate(rnd, item))
    answers = ask([("cbor", item) for item in spoiled])
    refused = 0
    for item, answer in zip(spoiled, answers, strict=True):
        try:
            cbor.decode(item)
        except FormatError:
            refused += 1
            assert answer.startswith("-"), item.hex()
        else:
            assert answer == item.hex()
    assert 100 < refused < len(spoiled)


def test_messages_both_ways(ask: Ask) -> None:
    rnd = random.Random(10)
    requests: list[tuple[str | bytes, ...]] = []
    expected = []
    for size in [0, 1, 23, 24, 25, 255, 256, 257, 1000, 1900]:
        for typ in (cose.Type.POLL, cose.Type.ANSWER, cose.Type.ENROL):
            kid, key, payload = rnd.randbytes(8), rnd.randbytes(32), rnd.randbytes(size)
            aad = rnd.randbytes(rnd.choice((0, 32, 300)))
            message = cose.mac0(typ, kid, key, payload, aad)
            requests.append(("write", typ.to_bytes(2, "big"), kid, key, aad, payload))
            expected.append(message.hex())
            requests.append(("mac0", message, key, aad))
            expected.append(f"{int(typ)} {payload.hex() or '-'}")
            requests.append(("mac0", message, key, aad + b"x"))
            expected.append("-20")
    assert ask(requests) == expected


def test_spoiled_messages_and_statements_are_refused(ask: Ask) -> None:
    rnd = random.Random(11)
    key, private = rnd.randbytes(32), p256.private_key(rnd.randbytes(32))
    message = cose.mac0(cose.Type.POLL, bytes(8), key, b"\xa1\x01\x02")
    statement = cose.sign1(cose.Type.KEYSET, b"\xa1\x01\x02", private)
    requests: list[tuple[str | bytes, ...]] = [
        ("mac0", message, key, b""),
        ("sign1", statement, p256.public(private)),
    ]
    for bit in range(len(message) * 8):
        spoiled = bytearray(message)
        spoiled[bit // 8] ^= 1 << bit % 8
        requests.append(("mac0", bytes(spoiled), key, b""))
    for bit in range(0, len(statement) * 8, 7):
        spoiled = bytearray(statement)
        spoiled[bit // 8] ^= 1 << bit % 8
        requests.append(("sign1", bytes(spoiled), p256.public(private)))
    requests += [("mac0", mutate(rnd, message)[:-1], key, b"") for _ in range(100)]
    answers = ask(requests)
    assert answers[:2] == ["65001 a10102", "65003 a10102"]
    assert all(answer.startswith("-") for answer in answers[2:])


SLOT_A, SLOT_B = 0x2140_0000, 0x2150_0000


def sample_image(rnd: random.Random, header_bytes: int) -> bytes:
    words = sorted(rnd.sample(range(40, 180), 12))
    base = SLOT_A + header_bytes
    table = relocation.Table(
        granule=4,
        base=base,
        plus=(4, *(4 * w for w in words[::2])),
        minus=tuple(4 * w for w in words[1::2]),
    )
    body = bytearray(rnd.randbytes(800))
    encoded = relocation.encode(table)
    body[0x20:0x2C] = b"RLOC" + (0x40).to_bytes(4, "little") + (780).to_bytes(4, "little")
    body[0x40 : 0x40 + len(encoded)] = encoded
    body[0x40 + len(encoded) : 0x60] = bytes(max(0, 0x20 - len(encoded)))
    return image.build(
        bytes(body),
        version=Version.parse("1.2.3+4"),
        counter=7,
        vid=rnd.randbytes(16),
        cid=rnd.randbytes(16),
        key=p256.private_key(rnd.randbytes(32)),
        header_bytes=header_bytes,
    )


def judged_in_slot_a(data: bytes) -> str:
    """Return what the tools find: the digest in hexadecimal, or the number of the error."""
    try:
        parsed = image.parse(data, exact=False)
        if parsed.relocatable:
            relocation.decode(parsed.body, SLOT_A + 32)
    except FormatError as error:
        return str(int(Err[error.code.removeprefix("ERR_")]))
    return parsed.computed_digest().hex()


def test_images_are_judged_alike(ask: Ask) -> None:
    rnd = random.Random(12)
    good = sample_image(rnd, 32)
    inside = [*range(32), *range(32 + 0x20, 32 + 0x60), *range(32 + 800, len(good))]
    cases = [good, good + b"behind", *(good[:n] for n in range(0, len(good), 13))]
    for _ in range(1500):
        spoiled = bytearray(good)
        for _ in range(rnd.randrange(1, 4)):
            spoiled[rnd.choice(inside)] = rnd.choice(
                (0, 1, 4, 0x7F, 0x80, 0xFF, rnd.getrandbits(8))
            )
        cases.append(bytes(spoiled))
    place = [(SLOT_A + 32).to_bytes(4, "big")] * 2
    answers = ask([("image", case, *place) for case in cases])
    expected = [judged_in_slot_a(case) for case in cases]
    assert len(set(expected)) > 20
    for case, answer, should in zip(cases, answers, expected, strict=True):
        # of several faults in one image each may name another
        assert answer == should or (answer[0] == should[0] == "-"), case.hex()


def test_digest_is_the_same_in_both_slots(ask: Ask) -> None:
    rnd = random.Random(13)
    for header in (32, 512):
        good = sample_image(rnd, header)
        parsed = image.parse(good)
        moved = relocation.apply(parsed.body, SLOT_B - SLOT_A)
        in_b = good[:header] + moved + good[header + len(moved) :]
        a, b = ((slot + header).to_bytes(4, "big") for slot in (SLOT_A, SLOT_B))
        answers = ask([("image", good, a, a), ("image", in_b, a, b), ("image", in_b, a, a)])
        assert answers[0] == answers[1] == parsed.digest.hex() != answers[2]
