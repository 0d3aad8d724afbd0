"""`channelshim doctor --deployment`: are the servers right that `serve` is to have?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from channelshim.composition.deployment import Examined, examine
from channelshim.composition.settings import Settings
from channelshim.contracts.examination import Finding, Verdict
from channelshim.errors import ConfigurationError

OK: Final = 0
SOMETHING_WRONG: Final = 1
UNREADABLE: Final = 2


def report(paths: Sequence[Path], settings: Settings) -> tuple[str, int]:
    """Return a line for each thing that was looked at, and an exit status.

    Args:
        paths: what the command names; see reading.read_named.
        settings: as read.

    Returns:
        OK, also where there are notes; SOMETHING_WRONG; or UNREADABLE with the sentence
        why nothing could be looked at.
    """
    try:
        examined = examine(paths, settings)
    except ConfigurationError as error:
        return str(error), UNREADABLE
    found = [finding for each in examined for finding in each.findings]
    width = max(len(finding.subject) for finding in found)
    lines = [line for each in examined for line in _lines(each, width)]
    is_wrong = any(finding.verdict is Verdict.WRONG for finding in found)
    text = "\n".join([*lines, _summary(found)])
    return text, SOMETHING_WRONG if is_wrong else OK


def _lines(examined: Examined, width: int) -> list[str]:
    rows = [
        f"  {each.verdict.value:<5}  {each.subject:<{width}}  {each.sentence}"
        for each in examined.findings
    ]
    return [examined.title, *rows, ""]


def _summary(found: Sequence[Finding]) -> str:
    counts = {
        verdict: sum(each.verdict is verdict for each in found) for verdict in Verdict
    }
    notes, faults = counts[Verdict.NOTE], counts[Verdict.WRONG]
    noted = "1 note" if notes == 1 else f"{notes} notes"
    if not faults:
        return f"Nothing is wrong; {noted}."
    return f"{faults} wrong, {noted}."
