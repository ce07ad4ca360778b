# SPDX-License-Identifier: Apache-2.0
"""Runs both applications in one process until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from unitool.errors import ServerError, UnitoolError

from ota_server.app import device_app, operator_app
from ota_server.blobs import Blobs
from ota_server.config import Config, DataFolder
from ota_server.crypto import ServerKey
from ota_server.fleet import Fleet
from ota_server.operations import Operations
from ota_server.polls import Polls
from ota_server.store import Store

log = logging.getLogger("ota_server")

# Longer than a device pauses between requests of one update: a connection closed just as it is
# used again costs a request.
KEEP_ALIVE_S = 75
SHUTDOWN_WITHIN_S = 3
_KEYSET_HINT = "bring it back from its backup, or make the next: unitool keygen --renew-keyset"


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """What to tell the one who started the server."""

    devices: str
    operators: str
    folder: Path
    key: ServerKey
    key_file: Path
    vendors: int
    warnings: tuple[str, ...]


class _Server(uvicorn.Server):
    """Leaves signals to us: there are two of these."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


def run(config: Config, started: Callable[[Started], None]) -> None:
    """Serve until SIGINT or SIGTERM. `started` is called once it listens."""
    factory = uvicorn.Config(app="", loop="auto", log_config=None).get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_serve(config, started))


async def _serve(config: Config, started: Callable[[Started], None]) -> None:
    folder = DataFolder(config.folder)
    key, key_file = folder.server_key(config.keys)
    sockets = [
        _listen(config.device_host, config.device_port, "--listen HOST:PORT"),
        _listen("127.0.0.1", config.operator_port, "--operator-port PORT"),
    ]
    fleet = Fleet(Store(folder.database), key)
    operations = Operations(fleet, Blobs(folder.blobs))
    warnings = await _trust_own_keyset(operations, config.keys / "keyset.cose")
    servers = [
        _server(device_app(operations, Polls(fleet, config.intervals))),
        _server(operator_app(operations, folder.token(), config.bundle_bytes_max)),
    ]
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop, servers)
    gc.collect()
    gc.freeze()  # a fleet's worth of objects need not be looked at again and again
    keeping = asyncio.create_task(fleet.keep())
    urls = [_url(s) for s in sockets]
    started(
        Started(
            devices=urls[0],
            operators=urls[1],
            folder=config.folder,
            key=key,
            key_file=key_file,
            vendors=len(fleet.keysets),
            warnings=warnings,
        )
    )
    folder.announce(*urls)
    try:
        await asyncio.gather(
            *(server.serve(sockets=[s]) for server, s in zip(servers, sockets, strict=True))
        )
    finally:
        keeping.cancel()
        await fleet.close()


async def _trust_own_keyset(operations: Operations, path: Path) -> tuple[str, ...]:
    """Take the keyset that lies beside the server's key, if one does."""
    if not path.exists():
        return ()
    try:
        found = await operations.trust(path.read_bytes())
    except UnitoolError as error:
        return (f"{path}: {error.message}; {_KEYSET_HINT}",)
    if operations.fleet.key.public not in [k.key for k in found.keys]:
        return (
            f"{path} does not name this server's key, so devices will refuse its answers; put the "
            f"server.pem that was made with it beside it",
        )
    return ()


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        said = getattr(error, "strerror", None) or str(error)
        reason = said.partition(" (while")[0]  # the address, once more
        raise ServerError(
            f"cannot listen on {host}:{port}: {reason}", hint=f"choose another: {option}"
        ) from None


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=SHUTDOWN_WITHIN_S,
        )
    )


def _stop(servers: list[_Server]) -> None:
    for server in servers:
        server.should_exit = True
