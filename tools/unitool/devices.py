# SPDX-License-Identifier: Apache-2.0
"""What is there to flash or talk to: emulated boards that are on, debug probes, serial ports."""

from __future__ import annotations

from dataclasses import dataclass

from serial.tools import list_ports

from unitool import powered


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One thing to connect to."""

    kind: str  # emulated, probe or serial
    id: str  # what --probe or --port takes
    board: str  # empty where it does not say
    what: str


def found() -> list[Device]:
    """Return all of them: emulated boards first, then probes, then ports."""
    return [*_emulated(), *_probes(), *_ports()]


def _emulated() -> list[Device]:
    return [
        Device(kind="emulated", id=entry.uid, board=entry.board, what=entry.state)
        for entry in powered.boards()
    ]


def _probes() -> list[Device]:
    """Those in hardware: the emulated ones were listed by themselves."""
    from pyocd.probe.aggregator import DebugProbeAggregator  # slow to import, and only here

    ours = {entry.uid for entry in powered.boards()}
    return [
        Device(
            kind="probe",
            id=probe.unique_id,
            board=probe.associated_board_info.name if probe.associated_board_info else "",
            what=probe.description,
        )
        for probe in DebugProbeAggregator.get_all_connected_probes()
        if probe.unique_id not in ours
    ]


def _ports() -> list[Device]:
    return [
        Device(kind="serial", id=port.device, board="", what=port.description)
        for port in sorted(list_ports.comports())
    ]
