# SPDX-License-Identifier: Apache-2.0
"""The tables. What changes with every poll (`seen`) is apart from what seldom changes."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 1

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)

keyset = Table(
    "keyset",
    metadata,
    Column("vid", LargeBinary(16), primary_key=True),
    Column("epoch", Integer, nullable=False),
    Column("statement", LargeBinary, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("id", LargeBinary(16), primary_key=True),
    Column("standing", String, nullable=False),
    Column("public", LargeBinary(64)),
    Column("generation", LargeBinary(8)),
    Column("pending", LargeBinary(8)),
    Column("resyncs", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("added_s", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# seq as eight big-endian bytes: it uses all 64 bits, and SQLite's integers are signed.
seen = Table(
    "seen",
    metadata,
    Column("device", LargeBinary(16), primary_key=True),
    Column("seq", LargeBinary(8), nullable=False),
    Column("at_s", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

token = Table(
    "token",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("wrapped", LargeBinary),
    Column("device", LargeBinary(16)),
    Column("added_s", BigInteger, nullable=False),
    Column("used", Boolean, nullable=False),
)

release = Table(
    "release",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("manifest", LargeBinary, nullable=False),
    Column("info", Text, nullable=False),
    Column("added_s", BigInteger, nullable=False),
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("release", ForeignKey("release.id"), nullable=False),
    Column("policy", Text, nullable=False),
    Column("phase", String, nullable=False),
    Column("opened", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("added_s", BigInteger, nullable=False),
)

member = Table(
    "member",
    metadata,
    Column("rollout", ForeignKey("rollout.id"), primary_key=True),
    Column("device", LargeBinary(16), primary_key=True),
    Column("stage", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failure", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("forgiven", Boolean, nullable=False),
    Column("at_s", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

report = Table(
    "report",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("device", LargeBinary(16), nullable=False),
    Column("at_s", BigInteger, nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("kind", Integer, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("code", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
    Index("report_device", "device", "id"),
)

# What the operator should be able to look up later: who was approved, what halted and why.
event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_s", BigInteger, nullable=False),
    Column("text", Text, nullable=False),
)
