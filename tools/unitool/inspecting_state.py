# SPDX-License-Identifier: Apache-2.0
"""What lies in an emulated board's flash, as plain facts."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from unitool.boards import Board
from unitool.errors import UsageError
from unitool.formats import flash, image, records
from unitool.formats.journal import Journal, Record
from unitool.inspecting import Facts, image_facts, or_reason, params_facts, statement_facts
from unitool.state import State, emulator_of
from unitool.verify import canonical


def state_facts(board: Board, folder: Path) -> Facts:
    """Return what lies in an emulated board's flash: who it is, whom it trusts, journal, slots."""
    files = emulator_of(board).flash_files
    if not all((folder / name).is_file() for name in files):
        raise UsageError(f"{folder} holds no state of {board.name}", "unitool run makes one")
    state = State(board, folder)
    journal = _journal(state)
    boot = state.read_boot()
    return {
        "kind": "state",
        "board": board.name,
        "identity": or_reason(lambda: _identity(state)),
        "boot_params": or_reason(lambda: params_facts(boot[flash.find_boot_params(boot) :])),
        "trust": {name: or_reason(partial(_trust, state, name)) for name in ("trust_a", "trust_b")},
        "journal": journal_facts(journal),
        "slots": {"ab"[slot].upper(): _slot(state, journal, slot) for slot in (0, 1)},
    }


def _area(state: State, name: str) -> bytes:
    area = state.board.layout[name]
    return state.read(area.offset, area.size)


def _identity(state: State) -> Facts:
    found = flash.read_identity(_area(state, "identity"))
    return {
        "device": found.device_id.hex(),
        "public": found.public.hex(),
        "url": found.url,
        "has_token": found.token != flash.NO_TOKEN,
        "development": found.development,
        "makes_key": found.makes_key,
    }


def _trust(state: State, name: str) -> Facts:
    return statement_facts(flash.decode_trust(_area(state, name)))


def _journal(state: State) -> Journal:
    f = state.board.flash
    a, b = (_area(state, name) for name in ("journal_a", "journal_b"))
    return Journal.open(a, b, f.program_bytes, f.erased_value)


def journal_facts(journal: Journal) -> Facts:
    """Return every record that counts, oldest first, and how full the journal is."""
    active = journal.active
    if active is None:
        return {"empty": True}
    return {
        "sector": "AB"[active],
        "places_used": journal.end(active),
        "places": journal.places,
        "records": [_record(record) for record in journal.records(active)],
    }


def _record(record: Record) -> Facts:
    says = record.decoded()
    facts: Facts = {"sequence": record.sequence, "type": f"{record.type:#04x}", "key": record.key}
    if says is None:
        return facts | {"critical": record.critical, "payload": record.payload.hex()}
    facts["type"] = type(says).__name__
    for name in says.__dataclass_fields__:  # type: ignore[attr-defined]
        value = getattr(says, name)
        facts[name] = value.hex() if isinstance(value, bytes) else value
    if isinstance(says, records.Slot):
        facts["state"] = _name(records.SlotState, says.state)
        facts["reason"] = _name(records.Reason, says.reason)
    return facts


def _name(kind: type[records.SlotState] | type[records.Reason], value: int) -> str:
    return kind(value).name.lower() if value in set(kind) else str(value)


def _slot(state: State, journal: Journal, slot: int) -> Facts:
    record = journal.slot(slot)
    area = state.board.slots[slot]
    data = state.read(area.offset, area.size)

    def read() -> Facts:
        found = image.parse(data, exact=False)
        if found.relocatable:
            delta = state.board.slot_address(slot) - state.board.slot_address(0)
            found = canonical(data, found, delta)
        return {
            name: value
            for name, value in image_facts(found).items()
            if name in ("version", "counter", "digest", "digest_matches", "build_id", "file_bytes")
        }

    known = {"state": _name(records.SlotState, record.state) if record else "unknown"}
    return {**known, "image": or_reason(read)}
