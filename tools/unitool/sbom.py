# SPDX-License-Identifier: Apache-2.0
"""What an image is made of, as a CycloneDX SBOM. The same build gives the same bytes."""

from __future__ import annotations

import json
from importlib.metadata import version
from uuid import UUID

from unitool import components, third_party
from unitool.build import Built

SPEC_VERSION = "1.5"


def document(built: Built) -> bytes:
    """Return the SBOM of a finished build of an application."""
    app = built.app
    if app is None:
        raise ValueError("the bootloader has no app.toml")
    found = components.catalog()
    selection = components.resolve(
        app.components, found, who=f"app {app.name!r}", overrides=app.params
    )
    libraries = sorted({part.name for c in selection.order for part in c.third_party})
    tool = {"type": "application", "name": "unitool", "version": version("unitool")}
    content = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{UUID(bytes=built.build_id[:16], version=4)}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "firmware",
                "bom-ref": "app",
                "supplier": {"name": app.vendor},
                "name": app.name,
                "version": str(app.version),
                "properties": [
                    {"name": "unitool:board", "value": built.board.name},
                    {"name": "unitool:build-id", "value": built.build_id.hex()},
                ],
            },
            "tools": {"components": [tool]},
        },
        "components": [
            *(_own(component.id) for component in selection.order),
            *(_library(name) for name in libraries),
        ],
    }
    return json.dumps(content, indent=1, sort_keys=True).encode() + b"\n"


def _own(name: str) -> dict[str, object]:
    return {
        "type": "library",
        "bom-ref": f"unitool/{name}",
        "group": "unitool",
        "name": name,
        "version": version("unitool"),
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }


def _library(name: str) -> dict[str, object]:
    source = third_party.pinned()[name]
    origin = third_party.provenance(source)
    patched = origin is not None and origin.patched
    return {
        "type": "library",
        "bom-ref": f"third-party/{name}",
        "name": name,
        "version": origin.version if origin else source.version,
        "licenses": [{"expression": source.licence}],
        "hashes": [
            {
                "alg": "SHA-256",
                "content": source.debian_sha256 if patched else source.upstream_sha256,
            }
        ],
        "properties": [
            {"name": "unitool:origin", "value": origin.origin if origin else "unknown"},
            {"name": "unitool:security-patches", "value": "distribution" if patched else "none"},
        ],
    }
