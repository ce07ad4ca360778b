# SPDX-License-Identifier: Apache-2.0
"""A hostile neighbour: the test is the board's whole network and sends it mutated frames."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from unitool.boards import Board
from unitool.emulator import Emulator

Device = Callable[..., Emulator]

BOARD_IP, MY_IP = bytes((10, 9, 9, 2)), bytes((10, 9, 9, 1))
MY_MAC = bytes.fromhex("020000000001")
BROADCAST = b"\xff" * 6
FRAMES = 6000
PER_PING = 20
WAIT_S = 3.0


def udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    return sock


@pytest.fixture
def wire() -> socket.socket:
    """Return our end of the cable."""
    return udp_socket()


@pytest.fixture
def board(board: Board, wire: socket.socket) -> Board:
    """Return each board with the cable instead of QEMU's network."""
    with udp_socket() as probe:
        port = probe.getsockname()[1]
    mine = wire.getsockname()[1]
    cable = f"socket,udp=127.0.0.1:{mine},localaddr=127.0.0.1:{port}"
    wire.connect(("127.0.0.1", port))
    assert board.emulator is not None
    args = tuple(a.replace("user", cable).replace("{hostfwd}", "") for a in board.emulator.args)
    return replace(board, emulator=replace(board.emulator, args=args))


def checksum(data: bytes) -> int:
    total = sum(
        struct.unpack(f">{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2))
    )
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ip(protocol: int, payload: bytes, to: bytes = BOARD_IP, source: bytes = MY_IP) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0)
    head += source + to
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def transport(protocol: int, segment: bytes, at: int) -> bytes:
    """Fill in the checksum that lies at `at`."""
    pseudo = MY_IP + BOARD_IP + struct.pack(">BBH", 0, protocol, len(segment))
    value = struct.pack(">H", checksum(pseudo + segment))
    return ip(protocol, segment[:at] + value + segment[at + 2 :])


def tcp(
    flags: int, seq: int, ack: int, data: bytes = b"", *, port: int = 4000, to: int = 80
) -> bytes:
    head = struct.pack(">HHIIBBHHH", port, to, seq, ack, 0x50, flags, 2000, 0, 0)
    return transport(6, head + data, 16)


def udp(source: int, to: int, data: bytes) -> bytes:
    return transport(17, struct.pack(">HHHH", source, to, 8 + len(data), 0) + data, 6)


def ping(mark: bytes) -> bytes:
    body = struct.pack(">BBHHH", 8, 0, 0, 1, 1) + mark
    return ip(1, body[:2] + struct.pack(">H", checksum(body)) + body[4:])


def arp(operation: int, target: bytes) -> bytes:
    return struct.pack(">HHBBH", 1, 0x800, 6, 4, operation) + MY_MAC + MY_IP + target + BOARD_IP


class Neighbour:
    """DHCP server, gateway and enemy."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.mac = BROADCAST
        self.seq = self.ack = 0
        self.dhcp = b""

    def send(self, kind: int, payload: bytes, to: bytes | None = None) -> None:
        self.raw((to or self.mac) + MY_MAC + struct.pack(">H", kind) + payload)

    def raw(self, frame: bytes) -> None:
        with suppress(ConnectionRefusedError):  # QEMU is not there yet
            self.wire.send(frame)

    def answer_dhcp(self, request: bytes) -> None:
        kind = {1: 2, 3: 5}.get(request[request.index(b"\x35\x01", 240) + 2])
        if kind is None:
            return
        head = b"\2\1\6\0" + request[4:8] + b"\0" * 8 + BOARD_IP + MY_IP + b"\0" * 4
        head += request[28:44] + b"\0" * 192 + b"\x63\x82\x53\x63"
        options = bytes((53, 1, kind)) + b"\x36\4" + MY_IP + b"\1\4\xff\xff\xff\0"
        options += b"\3\4" + MY_IP + b"\6\4" + MY_IP + b"\x33\4\0\1\0\0\xff"
        self.dhcp = head + options
        segment = struct.pack(">HHHH", 67, 68, 8 + len(self.dhcp), 0) + self.dhcp
        self.send(0x800, ip(17, segment, b"\xff" * 4), BROADCAST)

    def take(self) -> bytes:
        """Receive a frame and answer it as a good neighbour would."""
        frame = self.wire.recv(65536)
        kind, payload = frame[12:14], frame[14:]
        self.mac = frame[6:12]
        if kind == b"\x08\x06" and payload[7] == 1 and payload[24:28] == MY_IP:
            reply = struct.pack(">HHBBH", 1, 0x800, 6, 4, 2) + MY_MAC + MY_IP + payload[8:18]
            self.send(0x806, reply)
        elif kind == b"\x08\x00" and payload[9] == 17 and payload[22:24] == b"\0\x43":
            self.answer_dhcp(payload[28:])
        elif kind == b"\x08\x00" and payload[9] == 6:
            self.ack, self.seq = struct.unpack(">II", payload[24:32])
            self.ack += 1
        return frame

    def is_alive(self, mark: bytes) -> bool:
        """Whether the board answers a ping, tried three times since frames may be lost."""
        self.wire.settimeout(WAIT_S)
        for _ in range(3):
            self.send(0x800, ping(mark))
            try:
                while mark not in self.take():
                    pass
            except TimeoutError:
                continue
            return True
        return False


def seeds(n: Neighbour) -> list[tuple[int, bytes]]:
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    options = (
        struct.pack(">HHIIBBHHH", 4000, 80, n.seq, 0, 0x70, 2, 999, 0, 0) + b"\2\4\5\xb4\1\1\1\0"
    )
    return [
        (0x800, ping(b"x" * 40)),
        (0x800, tcp(2, n.seq, 0)),
        (0x800, transport(6, options, 16)),
        (0x800, tcp(0x18, n.seq, n.ack, request)),
        (0x800, tcp(0x18, n.seq, n.ack, request, to=7)),
        (0x800, tcp(0x11, n.seq, n.ack)),
        (0x800, tcp(4, n.seq, n.ack)),
        (0x800, udp(67, 68, n.dhcp)),
        (0x800, udp(53, 50000, b"\0\1\x81\x80\0\1\0\1\0\0\0\0")),
        (0x800, b"\x4f" + ip(6, b"\1" * 60)[1:]),
        (0x800, ip(17, b"\0" * 30)[:6] + b"\x20\0" + ip(17, b"\0" * 30)[8:]),
        (0x806, arp(1, b"\0" * 6)),
        (0x806, arp(2, BOARD_IP + b"\0\0")),
        (0x86DD, b"\x60" + b"\0" * 60),
    ]


def mutate(rng: random.Random, payload: bytes) -> bytes:
    data = bytearray(payload)
    for _ in range(rng.randint(0, 3)):
        data[rng.randrange(len(data))] = rng.choice((0, 0xFF, 0x80, rng.randrange(256)))
    how = rng.random()
    if how < 0.15:
        data = data[: rng.randrange(len(data)) + 1]
    elif how < 0.25:
        data += rng.randbytes(rng.randrange(1500 - len(data)))
    if how > 0.6 and len(data) > 20 and data[0] >> 4 == 4:  # let it pass the first check
        size = min(max((data[0] & 15) * 4, 20), len(data))
        data[10:12] = b"\0\0"
        data[10:12] = struct.pack(">H", checksum(bytes(data[:size])))
    return bytes(data)


def test_board_survives_a_hostile_neighbour(device: Device, wire: socket.socket) -> None:
    rng = random.Random(11)
    with wire, device("tests/apps/netlab") as board:
        neighbour = Neighbour(wire)
        wire.settimeout(10)
        while len(neighbour.dhcp) == 0 or neighbour.dhcp[242] != 5:
            neighbour.take()
        board.console.expect(r"net: up, 10\.9\.9\.2")
        for number in range(FRAMES):
            kind, payload = rng.choice(seeds(neighbour))
            if rng.random() < 0.02:
                neighbour.raw(rng.randbytes(rng.randrange(1, 1600)))
            else:
                to = BROADCAST if rng.random() < 0.1 else None
                neighbour.send(kind, mutate(rng, payload), to)
            if number % PER_PING == 0:
                assert neighbour.is_alive(b"mark" + struct.pack(">I", number)), number
        assert "panic" not in board.console.log
        assert board.resets == 0
