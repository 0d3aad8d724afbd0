"""Python 2.7 source to code objects: the translator's tree, compiled.

Code in the cache and in marshal holds plain bytes; `with_native_strings` makes the
strings of Python 2.7 out of them when the code is about to run.
"""

from __future__ import annotations

import re
import warnings
from types import CodeType
from typing import Any, Final

from channelshim.python27.strings import NativeStr, to_bytes

FUTURE_FLAGS: Final = 0x20000 | 0x40000 | 0x100000 | 0x200000
"""Division, absolute import, print function and unicode literals."""

# Compiled when a file first asks: a start from the cache does without.
_MARK: Final = rb"[ \t\f]*#.*channelshim: *python3\b"
_CODING: Final = rb"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)"


def says_python3(source: bytes) -> bool:
    """Tell whether one of the first five lines says `# channelshim: python3`."""
    head = source[:2000].split(b"\n", 5)[:5]
    return any(b"python3" in line and re.match(_MARK, line) for line in head)


def compile_file(source: bytes, path: str) -> tuple[CodeType, bool]:
    """Return a file's code, and whether it is Python 3 source.

    Raises:
        SyntaxError: it is neither, or uses what cannot be translated.
    """
    from channelshim.python27.translation import translate

    translation = translate(source, path)
    return _compiled(translation, path, "exec"), translation.is_python3


def _compiled(translation: Any, path: str, mode: str) -> CodeType:
    """Compile a tree; what today's compiler warns of, 2.7 told nobody."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            code: CodeType = compile(
                translation.tree,
                path,
                mode,
                flags=translation.flags,
                dont_inherit=True,
            )
        except RecursionError:
            raise SyntaxError("too deeply nested", (path, 1, 1, None)) from None
    return code


def compile_text(
    source: Any, path: str, mode: str = "exec", flags: int = 0
) -> CodeType:
    """Compile source that an app holds in a string, as 2.7's `compile`.

    Args:
        source: text, or bytes.
        path: the file name that tracebacks show.
        mode: exec, eval or single.
        flags: __future__ flags of the code that asks; others are ignored.

    Raises:
        SyntaxError: it is no Python 2.7.
        TypeError: a NUL byte in the source, as 2.7 said it.
    """
    from channelshim.python27.translation import translate

    if isinstance(source, bytes):
        source = bytes(source)
    if (b"\0" if isinstance(source, bytes) else "\0") in source:
        raise TypeError("compile() expected string without null bytes")
    if mode == "eval":
        source = source.lstrip(b" \t" if isinstance(source, bytes) else " \t")
    translation: Any = translate(
        source,
        path,
        flags=flags & FUTURE_FLAGS,
        mode=mode,  # type: ignore[arg-type]
    )
    code = _compiled(translation, path, mode)
    return with_native_strings(code, translation.is_python3)


def source_text(source: bytes) -> str:
    """Return a file's source as text, by its coding line, else UTF-8, else Latin-1."""
    if source.startswith(b"\xef\xbb\xbf"):
        return source[3:].decode("utf-8", "replace")
    for line in source.split(b"\n", 2)[:2]:
        found = re.match(_CODING, line)
        if found:
            try:
                return source.decode(found[1].decode("ascii"))
            except (LookupError, UnicodeDecodeError):
                break
    try:
        return source.decode("utf-8")
    except UnicodeDecodeError:
        return source.decode("latin-1")


def with_path(code: CodeType, path: str) -> CodeType:
    """Return code that says that it is of a file."""
    if code.co_filename == path:
        return code
    constants = tuple(
        with_path(value, path) if type(value) is CodeType else value
        for value in code.co_consts
    )
    return code.replace(co_filename=path, co_consts=constants)


def with_native_strings(code: CodeType, is_python3: bool = False) -> CodeType:
    """Return code whose bytes constants are Python 2.7's strings."""
    if is_python3:
        return code
    constants = code.co_consts
    changed = tuple(map(_native_constant, constants))
    if all(new is old for new, old in zip(changed, constants, strict=True)):
        return code
    return code.replace(co_consts=changed)


def _native_constant(value: Any) -> Any:
    kind = type(value)
    if kind is bytes:
        return NativeStr(value)
    if kind is CodeType:
        return with_native_strings(value)
    if kind is tuple or kind is frozenset:
        changed = tuple(map(_native_constant, value))
        if any(type(item) in (NativeStr, tuple, frozenset) for item in changed):
            return kind(changed)
    return value


def plain_source(source: Any) -> bytes | str:
    """Return what an app gave as source in a form that compile takes."""
    return source if isinstance(source, str) else to_bytes(source)
