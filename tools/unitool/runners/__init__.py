# SPDX-License-Identifier: Apache-2.0
"""Ways to a board's flash: by_<name>.py each, one protocol, and what they share above it."""

from unitool.runners.choice import FILE, connect, names, state_of
from unitool.runners.programming import Programmer, Written, bars
from unitool.runners.runner import Block, Place, Progress, Runner, Segment

__all__ = [
    "FILE",
    "Block",
    "Place",
    "Programmer",
    "Progress",
    "Runner",
    "Segment",
    "Written",
    "bars",
    "connect",
    "names",
    "state_of",
]
