"""The forms for issues and changes, the hooks, and the page on installing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.try_packages import EXTRAS
from tests.lanes import ROOT

pytestmark = pytest.mark.repository

TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"))


def _project() -> dict[str, Any]:
    from nox.project import load_toml

    project: dict[str, Any] = load_toml(ROOT / "pyproject.toml")["project"]
    return project


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_template_has_the_head_that_sites_read(path: Path) -> None:
    _, head, body = path.read_text("utf-8").split("---\n", 2)
    fields = yaml.safe_load(head)
    assert set(fields) == {"name", "about", "labels"}
    assert body.strip()


def test_there_are_templates_for_faults_wishes_and_changes() -> None:
    assert [path.name for path in TEMPLATES] == ["fault.md", "wish.md"]
    change = (ROOT / ".github" / "PULL_REQUEST_TEMPLATE.md").read_text("utf-8")
    assert "CHANGELOG.md" in change
    assert "scripts/dev lint" in change


def test_hooks_are_programs_of_the_clone() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    (repository,) = yaml.safe_load(text)["repos"]
    assert repository["repo"] == "local"
    hooks = {hook["id"]: hook for hook in repository["hooks"]}
    assert hooks.keys() == {"lint", "format", "merges", "pages"}
    for hook in hooks.values():
        if hook["language"] == "system":
            assert re.match(r"\.venv/bin/ruff |scripts/\w+ ", hook["entry"])
    assert (ROOT / "scripts" / "docs").is_file()


def test_installing_page_has_every_extra() -> None:
    page = (ROOT / "docs" / "how-to" / "install.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows == list(EXTRAS)
    others = {"test", "docs", "dev"}
    assert _project()["optional-dependencies"].keys() == {*EXTRAS, *others}
    assert all(f"`{name}`" in page for name in others)


def test_every_dependency_is_pinned() -> None:
    project = _project()
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {canonicalize_name(Requirement(text).name) for one in lists for text in one}
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.partition("==")[0] for line in pins if "==" in line}
    assert names - pinned == set()


def test_no_python_above_the_tested_ones_is_refused() -> None:
    assert _project()["requires-python"] == ">=3.10"
