# SPDX-License-Identifier: Apache-2.0
"""The two ASGI applications: one for devices, one for operators. They never share a port."""

from __future__ import annotations

import asyncio
import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send
from unitool.formats.cose import MESSAGE_BYTES_MAX

from ota_server.operations import Operations
from ota_server.polls import Polls, Result
from ota_server.routes import blobs
from ota_server.routes.operators import Api

log = logging.getLogger("ota_server")

BODY_WITHIN_S = 30
_CONTENT_TYPE = (b"content-type", b'application/cose; cose-type="cose-mac0"')


class DeviceApp:
    """POST /v1/poll goes to `polls` past the framework, everything else to `rest`."""

    def __init__(self, polls: Polls, rest: ASGIApp) -> None:
        """Both are ready to be called."""
        self._polls = polls
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and scope["path"] == "/v1/poll" and scope["method"] == "POST":
            status, body = await self._poll(receive)
            size = (b"content-length", str(len(body)).encode())
            headers = [size, _CONTENT_TYPE] if body else [size]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})
        else:
            await self._rest(scope, receive, send)

    async def _poll(self, receive: Receive) -> Result:
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            try:
                async with asyncio.timeout(BODY_WITHIN_S):
                    while message.get("more_body") and len(body) <= MESSAGE_BYTES_MAX:
                        message = await receive()
                        body += message.get("body", b"")
            except TimeoutError:
                return 408, b""
        if len(body) > MESSAGE_BYTES_MAX:
            return 413, b""
        if message["type"] == "http.disconnect":
            return 400, b""
        try:
            return await self._polls(body)
        except Exception:
            log.exception("a poll failed")
            return 500, b""


def device_app(operations: Operations, polls: Polls) -> ASGIApp:
    """What devices reach."""
    rest = Router(blobs.routes(operations.blobs), redirect_slashes=False)
    return DeviceApp(polls, rest)


def operator_app(operations: Operations, token: str, bundle_bytes_max: int) -> ASGIApp:
    """What operators reach."""

    async def refused(_: Request, error: Exception) -> JSONResponse:
        known = isinstance(error, HTTPException)
        status = error.status_code if isinstance(error, HTTPException) else 500
        text = error.detail if isinstance(error, HTTPException) else "the server failed"
        hint = "docs/operating.md lists the requests" if known else "see its log"
        return JSONResponse({"error": text, "hint": hint}, status)

    api = Api(operations, token, bundle_bytes_max)
    return Starlette(
        routes=api.routes(), exception_handlers={HTTPException: refused, Exception: refused}
    )
