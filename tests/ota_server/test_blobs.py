# SPDX-License-Identifier: Apache-2.0
"""Downloads: ranges to the byte, and blobs that are there whole or not at all."""

from __future__ import annotations

import asyncio
import errno
import os
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from starlette.routing import Router
from starlette.types import ASGIApp

from ota_server.blobs import Blobs
from ota_server.routes.blobs import CHUNK_BYTES, routes, wanted

CONTENT = bytes(range(256)) * (CHUNK_BYTES // 128) + b"end"
SIZE = len(CONTENT)


class Http:
    """Requests to an application in this process."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._request("GET", url, headers))

    def head(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._request("HEAD", url, headers))

    async def _request(
        self, method: str, url: str, headers: dict[str, str] | None
    ) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
            return await client.request(method, url, headers=headers)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


@pytest.fixture
def http(blobs: Blobs) -> Http:
    blobs.put(CONTENT)
    return Http(Router(routes(blobs), redirect_slashes=False))


def get(http: Http, range_: str | None = None, **headers: str) -> httpx.Response:
    if range_ is not None:
        headers["Range"] = range_
    url = f"/v1/blobs/{sha256(CONTENT).hexdigest()}"
    return http.get(url, headers=headers)


def test_whole(http: Http) -> None:
    found = get(http)
    assert found.status_code == 200
    assert found.content == CONTENT
    assert found.headers["accept-ranges"] == "bytes"
    assert found.headers["content-length"] == str(SIZE)
    assert "content-range" not in found.headers


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-", 0, SIZE),
        ("bytes=1-", 1, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=0-0", 0, 1),
        ("bytes=5-9", 5, 10),
        (f"bytes=5-{SIZE * 2}", 5, SIZE),
        ("bytes=-3", SIZE - 3, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes={CHUNK_BYTES - 1}-{CHUNK_BYTES}", CHUNK_BYTES - 1, CHUNK_BYTES + 1),
    ],
)
def test_range(http: Http, asked: str, start: int, end: int) -> None:
    found = get(http, asked)
    assert found.status_code == 206
    assert found.content == CONTENT[start:end]
    assert found.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert found.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_range_outside(http: Http, asked: str) -> None:
    found = get(http, asked)
    assert found.status_code == 416
    assert found.headers["content-range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "asked", ["bytes=-", "bytes=a-", "bytes=9-5", "bytes=0-1,3-4", "items=0-1", "bytes 0-1", ""]
)
def test_what_is_no_range_is_ignored(http: Http, asked: str) -> None:
    found = get(http, asked)
    assert found.status_code == 200
    assert found.content == CONTENT


def test_head(http: Http) -> None:
    url = f"/v1/blobs/{sha256(CONTENT).hexdigest()}"
    found = http.head(url)
    assert (found.status_code, found.content) == (200, b"")
    assert found.headers["content-length"] == str(SIZE)
    part = http.head(url, headers={"Range": "bytes=4-"})
    assert part.status_code == 206
    assert part.headers["content-range"] == f"bytes 4-{SIZE - 1}/{SIZE}"


def test_etag(http: Http) -> None:
    tag = get(http).headers["etag"]
    assert tag == f'"{sha256(CONTENT).hexdigest()}"'
    assert get(http, **{"If-None-Match": tag}).status_code == 304
    assert get(http, "bytes=4-", **{"If-Range": tag}).status_code == 206
    assert get(http, "bytes=4-", **{"If-Range": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    "name", ["0" * 64, "0" * 63, "A" * 64, "..", "%2e%2e%2fserver.db", "unfinished", "0" * 64 + "/"]
)
def test_not_found(http: Http, name: str) -> None:
    assert http.get(f"/v1/blobs/{name}").status_code == 404


def test_empty_blob(blobs: Blobs, http: Http) -> None:
    name = blobs.put(b"").hex()
    assert http.get(f"/v1/blobs/{name}").content == b""
    assert http.get(f"/v1/blobs/{name}", headers={"Range": "bytes=0-"}).status_code == 416
    assert wanted(None, 0) is None


def test_put_twice_is_one_blob(blobs: Blobs) -> None:
    first = blobs.put(b"x")
    assert blobs.put(b"x") == first
    assert blobs.path(first).read_bytes() == b"x"


def test_what_a_killed_server_left_is_cleared_away(tmp_path: Path) -> None:
    Blobs(tmp_path)
    (tmp_path / "unfinished" / "half").write_bytes(b"half")
    Blobs(tmp_path)
    assert not list((tmp_path / "unfinished").iterdir())


def test_full_disk_does_not_stay_full_of_it(blobs: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        blobs.put(CONTENT)
    assert [path for path in blobs.root.rglob("*") if path.is_file()] == []
