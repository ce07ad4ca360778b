# SPDX-License-Identifier: Apache-2.0
"""The raw route for polls: bodies in pieces, too slow, cut short; failures that stay inside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ota_server import app
from ota_server.app import DeviceApp


class Polls:
    """Answers with what it was given, or fails."""

    async def __call__(self, body: bytes) -> tuple[int, bytes]:
        if body == b"fail":
            raise RuntimeError("secret of the server")
        return 200, b"<" + body + b">"


async def rest(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 404, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def request(*parts: bytes, ends: str = "whole", path: str = "/v1/poll") -> tuple[int, bytes]:
    """Status and body of the response to a body that arrives in these parts."""

    async def run() -> tuple[int, bytes]:
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": part, "more_body": True} for part in parts
        ]
        if ends == "whole":
            messages.append({"type": "http.request", "body": b"", "more_body": False})
        if ends == "disconnect":
            messages.append({"type": "http.disconnect"})
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            if not messages:
                await asyncio.sleep(60)
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": path}
        await DeviceApp(Polls(), rest)(scope, receive, send)  # type: ignore[arg-type]
        return sent[0]["status"], sent[1]["body"]

    return asyncio.run(run())


def test_body_in_pieces() -> None:
    assert request(b"ab", b"", b"c") == (200, b"<abc>")


def test_body_too_long_is_not_read_to_its_end() -> None:
    assert request(*[b"x" * 1024] * 3, ends="never") == (413, b"")


def test_slow_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY_WITHIN_S", 0.05)
    assert request(b"ab", ends="never") == (408, b"")


def test_cut_short() -> None:
    assert request(b"ab", ends="disconnect") == (400, b"")


def test_failure_says_nothing() -> None:
    assert request(b"fail") == (500, b"")


def test_other_paths_go_to_the_rest() -> None:
    assert request(b"ab", path="/v1/other") == (404, b"")
