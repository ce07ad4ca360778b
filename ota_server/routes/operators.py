# SPDX-License-Identifier: Apache-2.0
"""/api/v1: what operators ask and order. Every request carries the token of the data folder."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from unitool.errors import FormatError, UnitoolError

from ota_server.model import Policy, Range, Standing
from ota_server.operations import Operations, UnknownIdError
from ota_server.routes.facts import (
    device_details,
    device_facts,
    release_facts,
    rollout_facts,
    when,
)
from ota_server.rows import ranges_from
from ota_server.writer import WriteError

log = logging.getLogger("ota_server")

JSON_BYTES_MAX = 4 << 20  # a factory list of 100,000 ids
REPORTS_SHOWN = 50
_MANUAL = "docs/operating.md lists the requests and what they take"

Handler = Callable[[Request], Awaitable[Any]]


class Api:
    """The handlers, over the operators' verbs."""

    def __init__(self, operations: Operations, token: str, bundle_bytes_max: int) -> None:
        """`token`: what the Authorization header must bear."""
        self.operations = operations
        self.fleet = operations.fleet
        self._token = token.encode()
        self.bundle_bytes_max = bundle_bytes_max

    def routes(self) -> list[Route]:
        """All routes."""
        one, many = "/rollouts/{id:int}", "/rollouts"
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/status", self.status),
            ("POST", "/releases", self.publish),
            ("GET", "/releases", self.releases),
            ("POST", "/keysets", self.keyset),
            ("POST", many, self.rollout_create),
            ("GET", many, self.rollout_list),
            ("GET", one, self.rollout_show),
            ("POST", one + "/pause", self.rollout_pause),
            ("POST", one + "/resume", self.rollout_resume),
            ("POST", one + "/abort", self.rollout_abort),
            ("GET", "/devices", self.device_list),
            ("POST", "/devices", self.device_add),
            ("GET", "/devices/{id}", self.device_show),
            ("POST", "/devices/{id}/approve", self.device_approve),
            ("POST", "/tokens", self.token),
            ("GET", "/events", self.events),
        ]
        return [
            Route("/api/v1" + path, self._guarded(handler), methods=[method])
            for method, path, handler in table
        ]

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Check the token, and turn errors into a sentence and a hint."""

        async def run(request: Request) -> Response:
            scheme, _, token = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._token):
                return _error(
                    401, "the operator's token is missing or wrong", "it is in operator.token"
                )
            try:
                return JSONResponse(await handler(request))
            except UnknownIdError as error:
                return _error(404, error.message, error.hint)
            except FormatError as error:
                return _error(422, error.message, error.hint)
            except UnitoolError as error:
                return _error(409, error.message, error.hint)
            except WriteError:
                return _error(
                    503,
                    "the server could not store this",
                    "the log of unitool serve says why, such as a full disk",
                )
            except OSError as error:
                log.exception("storing failed")
                reason = f"the server could not store this: {error.strerror}"
                return _error(503, reason, "look after the disk of its data folder, then try again")

        return run

    # ---- releases

    async def status(self, _: Request) -> Any:
        """Is it there, and how much is in it."""
        standings = [d.device.standing for d in self.fleet.devices.values()]
        return {
            "server_key": self.fleet.key.public.hex(),
            "devices": {s.value: standings.count(s) for s in Standing},
            "releases": len(self.fleet.releases),
            "rollouts": len(self.fleet.rollouts),
            "keysets": [
                {"vid": vid.hex(), "epoch": k.epoch} for vid, k in self.fleet.keysets.items()
            ],
        }

    async def publish(self, request: Request) -> Any:
        """Take a .uota in."""
        data = await _body(request, self.bundle_bytes_max)
        return [release_facts(r) for r in await self.operations.publish(data)]

    async def releases(self, _: Request) -> Any:
        """What was published."""
        return [release_facts(r) for r in self.fleet.releases.values()]

    async def keyset(self, request: Request) -> Any:
        """Trust a keyset from now on."""
        found = await self.operations.trust(await _body(request, 1024))
        return {"vid": found.vid.hex(), "epoch": found.epoch}

    # ---- rollouts

    async def rollout_create(self, request: Request) -> Any:
        """Begin one."""
        asked = await _json(request)
        default = Policy()
        policy = Policy(
            canary=_uint(asked, "canary", default.canary),
            silence_s=_uint(asked, "silence_s", default.silence_s),
            confirm_after_s=_uint(asked, "confirm_after_s", default.confirm_after_s),
            max_failures=_uint(asked, "max_failures", default.max_failures),
            current=_ranges(asked.get("current")),
        )
        rollout = await self.operations.begin(_uint(asked, "release", 0), policy)
        return rollout_facts(self.operations, rollout)

    async def rollout_list(self, _: Request) -> Any:
        """All of them, with counts."""
        facts = []
        for rollout in self.fleet.rollouts.values():
            found = rollout_facts(self.operations, rollout)
            del found["devices"]
            facts.append(found)
        return facts

    async def rollout_show(self, request: Request) -> Any:
        """One, with its devices."""
        id_ = request.path_params["id"]
        return rollout_facts(self.operations, self.operations.rollout(id_))

    async def rollout_pause(self, request: Request) -> Any:
        """Stop for now."""
        id_ = request.path_params["id"]
        return rollout_facts(self.operations, await self.operations.pause(id_))

    async def rollout_resume(self, request: Request) -> Any:
        """Go on."""
        id_ = request.path_params["id"]
        retry = bool((await _json(request)).get("retry"))
        rollout = await self.operations.resume(id_, retry)
        return rollout_facts(self.operations, rollout)

    async def rollout_abort(self, request: Request) -> Any:
        """End it."""
        id_ = request.path_params["id"]
        return rollout_facts(self.operations, await self.operations.abort(id_))

    # ---- devices

    async def device_list(self, request: Request) -> Any:
        """All devices, or those of one standing."""
        standing = request.query_params.get("standing")
        return [
            device_facts(d)
            for d in self.fleet.devices.values()
            if standing in (None, d.device.standing.name.lower())
        ]

    async def device_show(self, request: Request) -> Any:
        """One device with its reports."""
        live = self.operations.device(request.path_params["id"])
        reports = await asyncio.to_thread(
            self.fleet.store.reports_of, live.device.id, REPORTS_SHOWN
        )
        return device_details(live, reports)

    async def device_approve(self, request: Request) -> Any:
        """Let a waiting device enrol."""
        device = await self.operations.approve(request.path_params["id"])
        return {"id": device.id.hex(), "standing": device.standing.value}

    async def device_add(self, request: Request) -> Any:
        """Take a factory's list of ids."""
        ids = (await _json(request)).get("ids")
        if not isinstance(ids, list):
            raise FormatError("ids is not a list", _MANUAL)
        return {"added": await self.operations.expect([_hex16(text, "device id") for text in ids])}

    async def token(self, request: Request) -> Any:
        """Make a one-time token, which is told once, or take the one that is given."""
        asked = await _json(request)
        device, given = (asked.get(name) for name in ("device", "token"))
        token = await self.operations.token(
            None if device is None else _hex16(device, "device id"),
            None if given is None else _hex16(given, "token"),
        )
        return {"token": token.hex(), "device": device}

    async def events(self, _: Request) -> Any:
        """What happened last."""
        found = await asyncio.to_thread(self.fleet.store.events, 100)
        return [{"at": when(at_s), "text": text} for at_s, text in found]


def _error(status: int, message: str, hint: str) -> JSONResponse:
    return JSONResponse({"error": message, "hint": hint}, status)


async def _body(request: Request, limit: int) -> bytes:
    """The whole body; 413 before more than `limit` bytes are held."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise HTTPException(413, f"more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


async def _json(request: Request) -> dict[str, Any]:
    body = await _body(request, JSON_BYTES_MAX)
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise FormatError("the request is not JSON", _MANUAL) from None
    if not isinstance(found, dict):
        raise FormatError("the request is not a JSON object", _MANUAL)
    return found


def _uint(asked: dict[str, Any], name: str, default: int) -> int:
    value = asked.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise FormatError(f"{name} is not a number from 0 to {(1 << 31) - 1}", _MANUAL)
    return value


def _ranges(asked: object) -> tuple[Range, ...] | None:
    if asked is None:
        return None
    if not isinstance(asked, list) or not all(isinstance(p, list) and len(p) == 2 for p in asked):
        raise FormatError(
            "current is not a list of [lowest, highest] versions", 'such as [["1.0.0", "1.4.2"]]'
        )
    ranges = ranges_from([[str(low), str(high)] for low, high in asked]) or ()
    for low, high in ranges:
        if low > high:
            raise FormatError(f"current: {low} is above {high}", "the lower version comes first")
    return ranges


def _hex16(text: object, what: str) -> bytes:
    try:
        found = bytes.fromhex(str(text).strip())
    except ValueError:
        found = b""
    if len(found) != 16:
        raise FormatError(
            f"{text!r} is not a {what} (32 hexadecimal digits)", "unitool provision prints both"
        )
    return found
