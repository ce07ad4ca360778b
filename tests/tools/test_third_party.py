"""Fetching pinned sources: a wrong sum, no network, an interrupted fetch."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from pathlib import Path

import pytest
from unitool import third_party
from unitool.errors import SetupError
from unitool.third_party import Source


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNITOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(shutil, "which", lambda name: None)  # no distribution here
    return tmp_path / "cache"


def _archive(tmp_path: Path) -> Path:
    tree = tmp_path / "made" / "lib-1.0"
    tree.mkdir(parents=True)
    (tree / "lib.c").write_text("int lib;\n")
    archive = tmp_path / "lib-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tree, "lib-1.0")
    return archive


def _source(archive: Path, *, sha256: str | None = None, marker: str = "lib.c") -> Source:
    return Source(
        name="lib",
        version="1.0",
        licence="MIT",
        marker=marker,
        debian_package="lib",
        debian_suite="trixie",
        debian_sha256="0" * 64,
        upstream_url=archive.as_uri(),
        upstream_sha256=sha256 or hashlib.sha256(archive.read_bytes()).hexdigest(),
    )


def test_upstream_is_used_and_recorded_as_unpatched(cache: Path, tmp_path: Path) -> None:
    source = _source(_archive(tmp_path))
    assert third_party.provenance(source) is None
    third_party.fetch(source)
    assert (source.folder / "lib.c").read_text() == "int lib;\n"
    found = third_party.provenance(source)
    assert found is not None
    assert not found.patched


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="Python older than 3.11.4")
def test_archive_cannot_write_outside_its_folder(cache: Path, tmp_path: Path) -> None:
    archive = _archive(tmp_path)
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(__file__, "../outside.c")
    with pytest.raises(tarfile.OutsideDestinationError):
        third_party.fetch(_source(archive))
    assert not list(cache.rglob("outside.c"))


def test_wrong_sum_is_refused_and_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    source = _source(_archive(tmp_path), sha256="1" * 64)
    with pytest.raises(SetupError, match="not the pinned 1111") as caught:
        third_party.fetch(source)
    assert caught.value.hint
    assert list((cache / "src").iterdir()) == []


def test_no_network_says_so(cache: Path, tmp_path: Path) -> None:
    source = _source(_archive(tmp_path))
    Path(tmp_path / "lib-1.0.tar.gz").unlink()
    with pytest.raises(SetupError, match="cannot be fetched") as caught:
        third_party.fetch(source)
    assert "network" in (caught.value.hint or "")


def test_archive_laid_out_otherwise_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"has no other\.c"):
        third_party.fetch(_source(_archive(tmp_path), marker="other.c"))


def test_pinned_sources_are_complete() -> None:
    for name, source in third_party.pinned().items():
        assert source.name == name
        assert len(source.debian_sha256) == len(source.upstream_sha256) == 64
        assert source.upstream_url.startswith("https://")
        assert source.version in source.upstream_url


def test_unknown_source_is_an_error_with_a_hint() -> None:
    with pytest.raises(SetupError, match="no third-party source"):
        third_party.source_dir("nonesuch")
