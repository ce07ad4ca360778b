# SPDX-License-Identifier: Apache-2.0
"""Talks to the update server's operators' interface; every failure is a sentence and a hint."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
import httpx

from unitool.errors import ServerError

FOLDER = Path("unitool-server")
TIMEOUT_S = 60.0
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Client:
    """A server's address and the token that it wants."""

    url: str
    token: str

    def get(self, path: str, **query: str) -> Any:
        """What the server says."""
        return self._ask("GET", path, params=query)

    def post(self, path: str, facts: dict[str, Any] | None = None) -> Any:
        """Order something."""
        return self._ask("POST", path, json=facts or {})

    def send(self, path: str, chunks: Iterable[bytes], size: int) -> Any:
        """Upload a file."""
        return self._ask("POST", path, content=chunks, headers={"Content-Length": str(size)})

    def _ask(self, method: str, path: str, **how: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} | how.pop("headers", {})
        try:
            with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as http:
                response = http.request(method, f"{self.url}/api/v1{path}", headers=headers, **how)
        except httpx.ConnectError:
            raise ServerError(
                f"no server answers at {self.url}", hint="start it: unitool serve"
            ) from None
        except httpx.TimeoutException:
            raise ServerError(
                f"the server at {self.url} did not answer within {TIMEOUT_S:.0f} s",
                hint="look at the terminal in which unitool serve runs: its log says what it does",
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerError(
                f"talking to {self.url} failed: {error}",
                hint="an address is http://HOST:PORT, as unitool serve prints it behind operators",
            ) from None
        return _result(response)


def _result(response: httpx.Response) -> Any:
    try:
        facts = response.json()
    except ValueError:
        facts = {}
    if response.is_success and facts is not None:
        return facts
    if response.status_code == 401:
        raise ServerError(
            "the server does not accept this operator's token",
            hint="give the running server's data folder (--data DIR); the token is its file "
            "operator.token",
        )
    known = isinstance(facts, dict) and facts.get("error")
    if not known:
        url = response.request.url
        raise ServerError(
            f"{url.scheme}://{url.netloc.decode()} answered {response.status_code}, not as an "
            f"update server answers operators",
            hint="give the address that unitool serve prints behind operators; devices have "
            "another port",
        )
    raise ServerError(facts["error"], hint=facts.get("hint") or "the server's log may say more")


def connect(data: Path, url: str | None) -> Client:
    """The client for the server whose data folder this is."""
    token_file = data / "operator.token"
    if url is not None and not token_file.is_file():
        raise ServerError(
            f"no {token_file}, and a server listens to those who have its token",
            hint="name the folder of your copy of the server's operator.token: --data DIR",
        )
    try:
        token = token_file.read_text().strip()
        if url is None:
            url = str(json.loads((data / "address.json").read_text())["operators"])
    except PermissionError:
        raise ServerError(
            f"the operator's token in {data} is not yours to read",
            hint="run this as the user who started the server",
        ) from None
    except (OSError, ValueError, KeyError):
        raise ServerError(
            f"no server has run in {data}",
            hint="start it here with: unitool serve; or name its data folder: --data DIR",
        ) from None
    return Client(url.rstrip("/"), token)


def server_options(function: F) -> F:
    """Give a command the options that say which server."""
    data = click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        default=lambda: Path(os.environ.get("UNITOOL_SERVER_DATA", FOLDER)),
        show_default=str(FOLDER),
        help="The server's data folder (or UNITOOL_SERVER_DATA).",
    )
    url = click.option(
        "--server",
        "url",
        metavar="URL",
        envvar="UNITOOL_SERVER",
        help="Where its operators' interface is, if not where its data folder says.",
    )
    return data(url(function))
