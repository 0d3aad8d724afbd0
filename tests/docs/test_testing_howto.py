"""docs/how-to/test-a-legacy-app.md shows what a suite that passes really says."""

from __future__ import annotations

import re

from tests.lanes import ROOT

PAGE = ROOT / "docs" / "how-to" / "test-a-legacy-app.md"
SUITE = ROOT / "tests" / "appengine" / "legacy_suite" / "test_rooms.py"


def test_samples_are_cut_out_of_the_suite() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 2
    suite = SUITE.read_text("utf-8")
    for block in blocks:
        assert block in suite
