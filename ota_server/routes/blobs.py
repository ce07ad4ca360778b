# SPDX-License-Identifier: Apache-2.0
"""GET and HEAD /v1/blobs/{sha-256}: what devices download. Public: a blob's name is its digest."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ota_server.blobs import Blobs

CHUNK_BYTES = 256 * 1024
_NAME = re.compile(r"[0-9a-f]{64}", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})", re.ASCII)


def routes(blobs: Blobs) -> list[Route]:
    """The route, over this folder."""

    async def get(request: Request) -> Response:
        name = request.path_params["name"]
        path = blobs.path(bytes.fromhex(name)) if _NAME.fullmatch(name) else None
        if path is None or not path.is_file():
            return Response(status_code=404)
        return _blob(request, path, name)

    return [Route("/v1/blobs/{name}", get, methods=["GET", "HEAD"])]


def _blob(request: Request, path: Path, name: str) -> Response:
    size = path.stat().st_size
    tag = f'"{name}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Content-Type": "application/octet-stream",
    }
    if tag in _tags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    if_range = request.headers.get("if-range")
    asked = request.headers.get("range") if if_range in (None, tag) else None
    part = wanted(asked, size)
    start, end = part or (0, size)
    if part is not None and start >= end:
        outside = {"Content-Range": f"bytes */{size}", "ETag": tag}
        return Response(status_code=416, headers=outside)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(_read(path, start, end), status, headers)


def wanted(asked: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; an empty range lies outside the blob (416).

    None for what is no single range of bytes: it is ignored, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch(asked) if asked is not None else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, size) if last else size


def _tags(header: str) -> list[str]:
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


async def _read(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    file: BinaryIO = await asyncio.to_thread(path.open, "rb")
    with file:
        file.seek(start)
        while start < end:
            chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, end - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk
