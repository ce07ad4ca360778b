# SPDX-License-Identifier: Apache-2.0
"""The database: SQLite through SQLAlchemy Core. Only I/O; what to write is decided elsewhere."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.exc import DatabaseError
from unitool.errors import ServerError

from ota_server import schema
from ota_server.model import (
    Device,
    Member,
    Release,
    Rollout,
    StoredReport,
    Token,
)
from ota_server.rows import (
    device_from,
    device_row,
    member_from,
    member_row,
    release_from,
    report_from,
    rollout_from,
    rollout_row,
    token_from,
    token_row,
)


@dataclass(frozen=True, slots=True)
class Change:
    """Facts to store together. Rows replace what was stored about the same thing."""

    devices: tuple[Device, ...] = ()
    seen: tuple[tuple[bytes, int, int], ...] = ()
    reports: tuple[StoredReport, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    members: tuple[tuple[int, bytes, Member], ...] = ()
    tokens: tuple[Token, ...] = ()
    events: tuple[str, ...] = ()


Query = Callable[[Connection], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Everything that the server keeps in memory, as it was stored."""

    devices: list[Device]
    seen: dict[bytes, tuple[int, int]]
    releases: list[Release]
    rollouts: list[Rollout]
    members: list[tuple[int, bytes, Member]]
    tokens: list[Token]
    keysets: list[bytes]


@dataclass(slots=True)
class _Rows:
    """One commit's rows by table, in the order in which they are written."""

    rows: dict[str, dict[object, dict[str, Any]]] = field(default_factory=dict)
    reports: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def put(self, table: Table, key: object, row: dict[str, Any]) -> None:
        self.rows.setdefault(table.name, {})[key] = row


class Store:
    """The database file in `folder`."""

    def __init__(self, path: Path) -> None:
        """Open or make it; ServerError if it is of a later version or not ours."""
        self.engine = _engine(path)
        try:
            found = self._prepare()
        except DatabaseError as error:
            raise ServerError(f"cannot use {path}: {error.orig}", hint=_next_step(error)) from None
        if found != schema.SCHEMA_VERSION:
            raise ServerError(
                f"{path} was made by another version of unitool (schema {found})",
                hint=f"use that version, or another data folder; this one knows schema "
                f"{schema.SCHEMA_VERSION}",
            )

    def _prepare(self) -> int:
        """Make what is missing; returns the version of the schema."""
        with self.engine.begin() as c:
            schema.metadata.create_all(c)
            c.execute(
                insert(schema.meta)
                .values(key="schema", value=str(schema.SCHEMA_VERSION))
                .on_conflict_do_nothing()
            )
            found = select(schema.meta.c.value).where(schema.meta.c.key == "schema")
            return int(c.execute(found).scalar_one())

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def commit(self, batch: Sequence[Change | Query]) -> list[object]:
        """Store all of it in one transaction, in order; on return it is on the disk."""
        results: list[object] = []
        with self.engine.begin() as c:
            rows = _Rows()
            for item in batch:
                if isinstance(item, Change):
                    _collect(rows, item)
                    results.append(None)
                else:
                    _write(c, rows)
                    rows = _Rows()
                    results.append(item(c))
            _write(c, rows)
        return results

    def load(self) -> Stored:
        """Read what the server keeps in memory."""
        with self.engine.connect() as c:
            releases = {r.id: r for r in map(release_from, c.execute(select(schema.release)))}
            return Stored(
                devices=[device_from(row) for row in c.execute(select(schema.device))],
                seen={
                    row.device: (int.from_bytes(row.seq, "big"), row.at_s)
                    for row in c.execute(select(schema.seen))
                },
                releases=list(releases.values()),
                rollouts=[
                    rollout_from(row, releases[row.release])
                    for row in c.execute(select(schema.rollout))
                ],
                members=[member_from(row) for row in c.execute(select(schema.member))],
                tokens=[token_from(row) for row in c.execute(select(schema.token))],
                keysets=list(c.scalars(select(schema.keyset.c.statement))),
            )

    def reports_of(self, device: bytes, limit: int) -> list[StoredReport]:
        """The newest reports of a device, newest first."""
        found = (
            select(schema.report)
            .where(schema.report.c.device == device)
            .order_by(schema.report.c.id.desc())
            .limit(limit)
        )
        with self.engine.connect() as c:
            return [report_from(row) for row in c.execute(found)]

    def events(self, limit: int) -> list[tuple[int, str]]:
        """What happened last, newest first: (when, what)."""
        found = select(schema.event).order_by(schema.event.c.id.desc()).limit(limit)
        with self.engine.connect() as c:
            return [(row.at_s, row.text) for row in c.execute(found)]


def _next_step(error: DatabaseError) -> str:
    match getattr(error.orig, "sqlite_errorname", "").split("_")[:2]:
        case [_, "FULL"]:
            return "make room on its disk and start again"
        case [_, "CANTOPEN" | "READONLY" | "IOERR" | "PERM"]:
            return "make the folder and this file yours to write, or choose another: --data DIR"
    return "put a backup in its place, or choose another folder: --data DIR"


def add_release(digest: bytes, signed: bytes, info: dict[str, str]) -> Query:
    """Store a release, or find it stored; gives its id."""

    def run(c: Connection) -> int:
        row = {"digest": digest, "manifest": signed, "info": json.dumps(info), "added_s": now_s()}
        c.execute(insert(schema.release).values(row).on_conflict_do_nothing())
        found = select(schema.release.c.id).where(schema.release.c.digest == digest)
        return int(c.execute(found).scalar_one())

    return run


def add_keyset(vid: bytes, epoch: int, statement: bytes) -> Query:
    """Store a vendor's keyset in place of an older one."""
    row = {"vid": vid, "epoch": epoch, "statement": statement}
    return lambda c: c.execute(_upsert(schema.keyset), row)


def now_s() -> int:
    """Seconds since 1970, for people to read; decisions use the monotonic clock."""
    return int(time.time())


def _engine(path: Path) -> Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 10})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by itself, late
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _collect(rows: _Rows, change: Change) -> None:
    for device in change.devices:
        rows.put(schema.device, device.id, device_row(device))
    for id_, seq, at_s in change.seen:
        row = {"device": id_, "seq": seq.to_bytes(8, "big"), "at_s": at_s}
        rows.put(schema.seen, id_, row)
    for rollout in change.rollouts:
        rows.put(schema.rollout, rollout.id, rollout_row(rollout))
    for rollout_id, id_, member in change.members:
        row = member_row(rollout_id, id_, member, now_s())
        rows.put(schema.member, (rollout_id, id_), row)
    for token in change.tokens:
        rows.put(schema.token, token.hash, token_row(token))
    rows.reports += [
        {
            "device": r.device,
            "at_s": r.at_s,
            "boot": r.boot,
            "kind": int(r.report.kind),
            "digest": r.report.digest,
            "code": r.report.code,
            "text": r.report.text or "",
        }
        for r in change.reports
    ]
    rows.events += [{"at_s": now_s(), "text": text} for text in change.events]


def _write(c: Connection, rows: _Rows) -> None:
    for table in (schema.device, schema.seen, schema.rollout, schema.member, schema.token):
        found = rows.rows.get(table.name)
        if found:
            _put_many(c, table, list(found.values()))
    if rows.reports:
        _put_many(c, schema.report, rows.reports)
    if rows.events:
        _put_many(c, schema.event, rows.events)


def _put_many(c: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Past SQLAlchemy's handling of each row: a fifth of the time, with thousands of devices."""
    columns, sql = _sql(table)
    c.exec_driver_sql(sql, [tuple(row[name] for name in columns) for row in rows])


@cache
def _sql(table: Table) -> tuple[tuple[str, ...], str]:
    """The columns in the statement's order, and the statement."""
    appended = table in (schema.report, schema.event)  # the database numbers their rows
    statement = insert(table) if appended else _upsert(table)
    names = [c.name for c in table.columns if not (appended and c.primary_key)]
    compiled = statement.values({name: None for name in names}).compile(dialect=sqlite.dialect())
    return tuple(compiled.positiontup or ()), str(compiled)


@cache
def _upsert(table: Table) -> Insert:
    """`insert … on conflict do update` of all columns but the keys."""
    keys = [column.name for column in table.primary_key]
    statement = insert(table)
    new = (c.name for c in table.columns if c.name not in keys)
    values = {name: statement.excluded[name] for name in new}
    return statement.on_conflict_do_update(index_elements=keys, set_=values)
