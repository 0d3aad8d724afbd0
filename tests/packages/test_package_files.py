"""What the packages hold beside the code: the text of their page, addresses, times."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest

from scripts.package_files import pack_again, package_readme, with_addresses
from tests.lanes import ROOT

pytestmark = pytest.mark.repository

README = (ROOT / "README.md").read_text("utf-8")
URL = "https://example.com/channelshim/blob/main"

_TARGET = re.compile(r"\]\(([^)\s]+)\)")


def test_page_of_the_package_has_no_link_that_leads_nowhere() -> None:
    text = package_readme(README, "")
    targets = _TARGET.findall(text)
    assert [target for target in targets if not target.startswith("http")] == []
    assert text.startswith("# channelshim\n")
    assert "Python 2.7\nsource included, on Python" in text
    assert "docs/index.md" in text
    assert "![" not in text


def test_links_lead_to_the_address_where_there_is_one() -> None:
    text = package_readme(README, URL)
    assert f"[Contributing]({URL}/CONTRIBUTING.md)" in text
    assert f"table]({URL}/docs/reference/python27.md)" in text
    targets = [t for t in _TARGET.findall(text) if not t.startswith("http")]
    assert targets == []
    ours = [t for t in _TARGET.findall(text) if t.startswith(URL)]
    assert [
        t for t in ours if not (ROOT / t.removeprefix(URL).lstrip("/")).exists()
    ] == []


def test_addresses_come_with_the_address_alone(tmp_path: Path) -> None:
    from nox.project import load_toml

    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    assert with_addresses(pyproject, "") == pyproject
    path = tmp_path / "pyproject.toml"
    path.write_text(with_addresses(pyproject, URL), "utf-8")
    project = load_toml(path)["project"]
    assert project["urls"]["Changelog"] == f"{URL}/CHANGELOG.md"
    assert "channelshim" in project["scripts"]
    assert "urls" not in load_toml(ROOT / "pyproject.toml")["project"]


def _archive(
    path: Path, names: list[str], owner: str, mode: int, seconds: float
) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = len(name)
            entry.uname, entry.uid = owner, len(owner)
            entry.mode, entry.mtime = mode, seconds
            archive.addfile(entry, io.BytesIO(name.encode()))


def test_source_package_is_the_same_wherever_it_was_packed(tmp_path: Path) -> None:
    one, other = tmp_path / "one.tar.gz", tmp_path / "other.tar.gz"
    _archive(one, ["a/x", "a/y"], "ann", 0o664, 1_700_000_000.25)
    _archive(other, ["a/y", "a/x"], "bob", 0o600, 1_800_000_000)

    pack_again(one, 1_600_000_000)
    pack_again(other, 1_600_000_000)

    assert one.read_bytes() == other.read_bytes()
    with tarfile.open(one) as archive:
        assert archive.getnames() == ["a/x", "a/y"]
        entry = archive.getmember("a/x")
        assert (entry.mode, entry.mtime, entry.uname) == (0o644, 1_600_000_000, "")
        content = archive.extractfile(entry)
        assert content is not None
        assert content.read() == b"a/x"
    assert gzip.decompress(one.read_bytes())


def test_program_stays_one(tmp_path: Path) -> None:
    path = tmp_path / "one.tar.gz"
    _archive(path, ["scripts/run"], "ann", 0o700, 0)
    pack_again(path, 0)
    with tarfile.open(path) as archive:
        assert archive.getmember("scripts/run").mode == 0o755
