# SPDX-License-Identifier: Apache-2.0
"""What is stored is what is loaded, and later rows replace earlier ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from unitool.errors import ServerError
from unitool.formats.messages import Report
from unitool.formats.version import Version

from ota_server.model import (
    Device,
    Failure,
    Member,
    Phase,
    Policy,
    Stage,
    Standing,
    StoredReport,
    Token,
)
from ota_server.rollout import begun
from ota_server.store import Change, Store, add_keyset, add_release

from .bundles import VID, Vendor, make_image, make_manifest

DEVICE = Device(
    id=b"d" * 16,
    standing=Standing.ENROLLED,
    public=b"p" * 64,
    generation=b"g" * 8,
    pending=b"n" * 8,
    resyncs=2,
    status={"running": 1},
    added_s=5,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "server.db")


def test_everything_comes_back(store: Store) -> None:
    vendor = Vendor()
    signed = make_manifest(make_image(vendor, "2.0.0")).sign(vendor.image)
    store.commit([add_release(b"r" * 32, signed, {"app": "x"})])
    release = store.load().releases[0]
    assert (release.signed, release.info, release.version) == (signed, {"app": "x"}, Version(2))
    ranges = ((Version(1), Version(1, 9, 9, 7)),)
    policy = Policy(canary=3, silence_s=9, max_failures=2, current=ranges)
    rollout = replace(begun(4, release, policy), phase=Phase.HALTED, opened=True, reason="why")
    member = Member(stage=Stage.FAILED, attempts=2, failure=Failure.BAD, detail="x", forgiven=True)
    token = Token(hash=b"h" * 32, wrapped=b"w", device=DEVICE.id, used=True, added_s=7)
    change = Change(
        devices=(DEVICE,),
        seen=((DEVICE.id, (1 << 64) - 1, 6),),
        rollouts=(rollout,),
        members=((4, DEVICE.id, member),),
        tokens=(token,),
    )
    store.commit([change, add_keyset(VID, 1, vendor.keyset())])
    loaded = store.load()
    assert loaded.devices == [DEVICE]
    assert loaded.seen == {DEVICE.id: ((1 << 64) - 1, 6)}
    assert loaded.rollouts == [rollout]
    assert loaded.members == [(4, DEVICE.id, member)]
    assert loaded.tokens == [token]
    assert loaded.keysets == [vendor.keyset()]


def test_later_rows_replace_earlier_ones_within_and_between_commits(store: Store) -> None:
    def change(resyncs: int) -> Change:
        return Change(
            devices=(replace(DEVICE, resyncs=resyncs),), seen=((DEVICE.id, resyncs, resyncs),)
        )

    store.commit([change(1), change(2)])
    assert store.load().devices[0].resyncs == 2
    store.commit([change(3)])
    loaded = store.load()
    assert [d.resyncs for d in loaded.devices] == [3]
    assert loaded.seen[DEVICE.id] == (3, 3)


def test_reports_and_events_add_up_newest_first(store: Store) -> None:
    def report(n: int) -> StoredReport:
        told = Report(kind=8, digest=bytes(32), code=-n, text=None)
        return StoredReport(device=DEVICE.id, at_s=n, boot=n, report=told)

    store.commit([Change(reports=(report(1), report(1)), events=("a",))])
    store.commit([Change(reports=(report(2),), events=("b",))])
    assert store.reports_of(DEVICE.id, 2) == [report(2), report(1)]
    assert len(store.reports_of(DEVICE.id, 9)) == 3
    assert [what for _, what in store.events(9)] == ["b", "a"]


def test_rollout_changes_in_place(store: Store) -> None:
    vendor = Vendor()
    signed = make_manifest(make_image(vendor, "2.0.0")).sign(vendor.image)
    store.commit([add_release(b"r" * 32, signed, {})])
    rollout = begun(1, store.load().releases[0], Policy())
    store.commit([Change(rollouts=(rollout,))])
    store.commit([Change(rollouts=(replace(rollout, phase=Phase.PAUSED),))])
    assert [r.phase for r in store.load().rollouts] == [Phase.PAUSED]


def test_accepted_writes_are_synced(store: Store) -> None:
    with store.engine.connect() as c:
        assert c.execute(text("pragma journal_mode")).scalar() == "wal"
        assert c.execute(text("pragma synchronous")).scalar() == 2, "FULL"


def test_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "server.db")
    with store.engine.begin() as c:
        c.execute(text("update meta set value = '99'"))
    store.close()
    with pytest.raises(ServerError, match="schema 99"):
        Store(tmp_path / "server.db")


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "server.db").write_bytes(b"not a database, but long enough to be one" * 100)
    with pytest.raises(ServerError, match="not a database"):
        Store(tmp_path / "server.db")
