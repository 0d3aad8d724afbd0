"""Write channelshim/composition/keywords.py from the table of settings."""

from __future__ import annotations

from typing import Any

KEYWORDS_HEAD = """\
\"\"\"The keyword arguments of install, wrap, application and serve, for type checkers.

`scripts/docs` writes this file from `channelshim/composition/settings.py`.
\"\"\"

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict


class Keywords(TypedDict, total=False):
    \"\"\"Each setting by its name; see `Settings`.\"\"\"

"""


def keywords_module() -> str:
    """Return channelshim/composition/keywords.py."""
    from channelshim.composition.settings import SETTINGS

    lines = [f"    {each.name}: {_annotation(each)}" for each in SETTINGS]
    return KEYWORDS_HEAD + "\n".join(lines) + "\n"


def _annotation(setting: Any) -> str:
    """Return what a keyword argument may be, as a type checker reads it."""
    if setting.choices:
        words = ", ".join(f'"{choice}"' for choice in setting.choices)
        return f"Literal[{words}]" + (" | bool" if setting.is_switch else "")
    kinds = {
        dict: "Mapping[str, str] | str",
        str: "str | os.PathLike[str]",
        tuple: "Sequence[str] | str",
    }
    return kinds.get(setting.type) or str(setting.type.__name__)
