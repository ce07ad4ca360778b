# SPDX-License-Identifier: Apache-2.0
"""gdb's packets: whatever comes, cut anywhere, is read as it was meant or refused by name."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unitool.gdb_packets import Decoder, GdbError, Mark, Stop, frame, parse_features, unpack
from unitool.gdb_remote import GdbRemote, connect


def _fed(data: bytes, cuts: list[int]) -> list[bytes | Mark]:
    edges = [0, *sorted(c % (len(data) + 1) for c in cuts), len(data)]
    decoder = Decoder()
    pieces = [data[a:b] for a, b in pairwise(edges)]
    return [item for piece in pieces for item in decoder.feed(piece)]


@given(st.lists(st.binary(max_size=80), max_size=5), st.lists(st.integers(0, 10_000), max_size=6))
def test_packets_survive_framing_and_any_cut(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"+".join(frame(payload) for payload in payloads)
    assert [item for item in _fed(stream, cuts) if item is not Mark.ACK] == payloads


@given(st.binary(min_size=1, max_size=60), st.data())
def test_any_changed_byte_is_noticed(payload: bytes, data: st.DataObject) -> None:
    packet = bytearray(frame(payload))
    at = data.draw(st.integers(1, len(packet) - 4))
    packet[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(GdbError):
        assert payload not in _fed(bytes(packet), [])


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=4))
def test_garbage_is_read_or_refused(data: bytes, cuts: list[int]) -> None:
    with contextlib.suppress(GdbError):
        _fed(data, cuts)


@given(st.binary(max_size=60))
def test_stop_replies_are_read_or_refused(payload: bytes) -> None:
    with contextlib.suppress(GdbError):
        assert 0 <= Stop.parse(payload).signal < 256


@given(st.binary(max_size=60))
def test_descriptions_are_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(GdbError):
        parse_features(text)


def test_run_lengths() -> None:
    assert unpack(b'0* 1*"') == b"0000" + b"1" * 6
    for broken in (b"*!", b"a*", b"}", b"a*\x05"):
        with pytest.raises(GdbError):
            unpack(broken)


def test_stop_replies() -> None:
    assert Stop.parse(b"S05") == Stop(signal=5)
    assert Stop.parse(b"T05thread:01;watch:20001000;") == Stop(signal=5, watch=0x20001000)
    assert Stop.parse(b"W00").exited and Stop.parse(b"X09").exited
    for other in (b"OK", b"Tzz", b"", b"E01", b"T05watch:zz;"):
        with pytest.raises(GdbError):
            Stop.parse(other)


def test_register_numbers_run_on_over_files() -> None:
    first = b"<target><xi:include href='b.xml'/><reg name='a' bitsize='32'/></target>"
    registers, includes, following = parse_features(first)
    assert (includes, following, registers[0].number) == (["b.xml"], 1, 0)
    more = b"<feature><reg name='b' bitsize='64'/><reg name='c' bitsize='32' regnum='9'/></feature>"
    registers, _, following = parse_features(more, following)
    assert [(r.name, r.number, r.size) for r in registers] == [("b", 1, 8), ("c", 9, 4)]
    assert following == 10


class Server:
    """A gdb server by a list: for each packet that comes, what goes back, as it is on the wire."""

    def __init__(self, *answers: bytes) -> None:
        self.ours, self._theirs = socket.socketpair()
        self.heard: list[bytes | Mark] = []
        self._answers = answers
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        decoder, answers = Decoder(), iter(self._answers)
        with self._theirs, contextlib.suppress(OSError):
            while data := self._theirs.recv(65536):
                for item in decoder.feed(data):
                    self.heard.append(item)
                    if isinstance(item, Mark):
                        continue
                    answer = next(answers, None)
                    if answer is None:
                        return
                    self._theirs.sendall(answer)


HELLO = b"+" + frame(b"PacketSize=100")


@pytest.fixture(autouse=True)
def _hurry() -> Iterator[None]:
    old = socket.getdefaulttimeout()
    socket.setdefaulttimeout(5)
    yield
    socket.setdefaulttimeout(old)


def test_unasked_stop_does_not_shift_the_answers() -> None:
    server = Server(HELLO, b"+" + frame(b"T02thread:01;") + frame(b"0102"))
    assert GdbRemote(server.ours).read(0x1000, 2) == b"\1\2"


def test_stop_that_crosses_a_packet_is_dropped_too() -> None:
    server = Server(frame(b"T02") + HELLO, frame(b"S05") + b"+" + frame(b"0102"))
    assert GdbRemote(server.ours).read(0x1000, 2) == b"\1\2"


def test_damaged_answer_is_asked_for_again_and_damaged_packet_sent_again() -> None:
    damaged = b"$0103#00"
    server = Server(HELLO, b"-", b"+" + damaged + frame(b"0102"))
    assert GdbRemote(server.ours).read(0, 2) == b"\1\2"
    assert server.heard.count(b"m0,2") == 2 and Mark.NACK in server.heard


def test_no_acknowledgements_where_the_server_offers_that() -> None:
    offered = b"+" + frame(b"PacketSize=100;QStartNoAckMode+")
    server = Server(offered, b"+" + frame(b"OK"), frame(b"0102"), b"$0102#00")
    remote = GdbRemote(server.ours)
    assert remote.read(0, 2) == b"\1\2"
    with pytest.raises(GdbError, match="damages packets"):
        remote.read(0, 2)


def test_writes_are_cut_to_the_packet_size_binary_where_understood() -> None:
    data = bytes(range(256))
    for taken, head in ((b"OK", b"X"), (b"", b"M")):
        server = Server(HELLO, b"+" + frame(taken), *[b"+" + frame(b"OK")] * 6)
        GdbRemote(server.ours).write(0x100, data)
        sent = [p for p in server.heard[1:] if isinstance(p, bytes) and p[:1] == head][-6:]
        assert all(len(frame(packet)) <= 0x100 for packet in sent)
        pieces = [packet.partition(b":")[2] for packet in sent if packet[:1] == head]
        content = b"".join(pieces) if head == b"X" else bytes.fromhex(b"".join(pieces).decode())
        assert content == data


def test_refusals_and_nonsense_are_named() -> None:
    server = Server(HELLO, *[b"+" + frame(a) for a in (b"E14", b"xyz", b"0102030405", b"E01")])
    remote = GdbRemote(server.ours)
    with pytest.raises(GdbError, match=r"reading 0x10: the gdb server answered 'E14'"):
        remote.read(0x10, 4)
    with pytest.raises(GdbError, match="answered 'xyz'"):
        remote.read(0x10, 4)
    with pytest.raises(GdbError, match="5 bytes at 0x10 instead of 4"):
        remote.read(0x10, 4)
    with pytest.raises(GdbError, match="a breakpoint at 0x20"):
        remote.insert(0, 0x20, 4)


def test_lost_connections_and_silence_are_named() -> None:
    with pytest.raises(GdbError, match="closed the connection"):
        GdbRemote(Server().ours)
    with pytest.raises(GdbError, match="does not acknowledge"):
        GdbRemote(Server(b"").ours, timeout_s=0.1)
    with pytest.raises(GdbError, match="did not answer within"):
        GdbRemote(Server(b"+").ours, timeout_s=0.1)
    with pytest.raises(GdbError, match="no gdb server at 127"):
        connect("127.0.0.1", 1)
    with pytest.raises(GdbError, match="its program ended"):
        GdbRemote(Server(HELLO, b"+" + frame(b"W00")).ours).read(0, 1)


def test_what_a_monitor_command_prints() -> None:
    printed = frame(b"O" + b"one ".hex().encode()) + frame(b"O" + b"two".hex().encode())
    answers = [printed + frame(b"OK"), frame(b"three".hex().encode()), frame(b""), frame(b"E01")]
    remote = GdbRemote(Server(HELLO, *[b"+" + a for a in answers]).ours)
    assert remote.monitor("list") == "one two"
    assert remote.monitor("list") == "three"
    for _ in range(2):
        with pytest.raises(GdbError, match="refuses the command 'list'"):
            remote.monitor("list")
