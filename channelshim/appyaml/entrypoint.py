"""app.yaml of the runtimes python37 to python313: one program answers for all."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from channelshim.appyaml import config
from channelshim.appyaml.config import Handler
from channelshim.appyaml.nodes import Node
from channelshim.appyaml.parsing import Warn, parse_pattern

AUTO: Final = "auto"
"""What `script:` says in such a file: the program that `entrypoint` names."""

DEFAULT_PROGRAM: Final = "main.app"
"""Source: App Engine's documentation of `entrypoint`: without one it is main:app."""

_PROGRAM: Final = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)(?::([A-Za-z_]\w*))?")


def handlers_of_python3(
    root: Node, handlers: Sequence[Handler], entrypoint: str, warn: Warn
) -> tuple[Handler, ...]:
    """Return the handlers, with the program in the place of `auto`, and for the rest.

    Handlers that name scripts of their own, in a file without an entrypoint, are all.

    Args:
        root: the file's own node.
        handlers: as `handlers:` names them.
        entrypoint: the command; "" for none.
        warn: called with a node and a sentence, for a command that names no program.
    """
    program = program_of(entrypoint)
    if not program:
        program = DEFAULT_PROGRAM
        warn(
            root,
            f"entrypoint {entrypoint!r} names no WSGI application, as `gunicorn "
            "main:app` does: main:app is served",
        )
    named = [
        replace(each, target=program)
        if each.kind == config.SCRIPT and each.target == AUTO
        else each
        for each in handlers
    ]
    scripts = [each.target for each in handlers if each.kind == config.SCRIPT]
    if scripts and AUTO not in scripts and not entrypoint:
        # Written as for Python 2.7: what no handler names has no answer there.
        return tuple(named)
    url = Node(root.path, root.line, "/.*")
    rest = Handler(
        url="/.*",
        kind=config.SCRIPT,
        target=program,
        pattern=parse_pattern(url, "url"),
        path=root.path,
        line=root.line,
    )
    return (*named, rest)


def program_of(entrypoint: str) -> str:
    """Return the application that a server's command names, dotted; "" for none.

    Args:
        entrypoint: such as "gunicorn -b :$PORT main:app"; "" means main:app.
    """
    if not entrypoint:
        return DEFAULT_PROGRAM
    try:
        words = shlex.split(entrypoint)
    except ValueError:
        words = entrypoint.split()
    match = _PROGRAM.fullmatch(words[-1]) if len(words) > 1 else None
    if match is None or words[-1].endswith(".py"):
        return ""
    return f"{match[1]}.{match[2] or 'application'}"
