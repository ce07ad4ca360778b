# SPDX-License-Identifier: Apache-2.0
"""What pyOCD loads whenever it is imported, by anybody: so nothing but names may happen here.

Import pyocd before it: pyOCD loads this module itself, in the middle of its own start.
"""

from __future__ import annotations

from pyocd.core.plugin import Plugin


class EmulatedBoards(Plugin):  # type: ignore[misc]
    """Offers the emulated boards that are on as probes, `pyocd list` included."""

    def load(self) -> type:
        """Return the probe's class."""
        from unitool.probe.debug_probe import QemuProbe

        return QemuProbe

    @property
    def name(self) -> str:
        """The kind of probe, as in `--uid unitool:mps2`."""
        return "unitool"

    @property
    def description(self) -> str:
        """For `pyocd list --plugins`."""
        return "boards that unitool emulate keeps on"
