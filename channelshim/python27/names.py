"""The builtins of translated code: Python 3's, Python 2.7's, and the helpers."""

from __future__ import annotations

import builtins
import sys
from types import CodeType, FrameType, MappingProxyType, ModuleType
from typing import Any, Final

from channelshim.python27 import compiling, helpers
from channelshim.python27.helpers import files
from channelshim.python27.strings import STRINGS, to_bytes

_HELPER: Final = "_p27_"


def builtin_module(importer: Any) -> ModuleType:
    """Return `__builtin__`: the module whose dict is the builtins of an app."""
    module = ModuleType("__builtin__", builtins.__doc__)
    names = module.__dict__
    names.update(
        {key: value for key, value in vars(builtins).items() if key != "__name__"}
    )
    names["__name__"] = "__builtin__"
    for name in ("__loader__", "__spec__", "__package__"):
        names.pop(name, None)
    names.update(helpers.table())
    names.update(_Running(names).table())
    names["_p27_globals"] = builtins.globals
    names["_p27_locals"] = builtins.locals
    names["_p27_text"], names["_p27_dict"], names["_p27_list"] = str, dict, list
    names["_p27_True"], names["_p27_False"] = True, False
    names["__import__"] = importer.import_module_for
    names["reload"] = importer.reload
    return module


class _Running:
    """exec, eval, execfile and compile for source of Python 2.7."""

    def __init__(self, names: dict[str, Any]) -> None:
        self._names: Final = names

    def table(self) -> dict[str, Any]:
        """Return the builtins, by name."""
        return {
            "_p27_exec": self.exec_statement,
            "_p27_scope_of": _scope_of,
            "compile": self.compile,
            "eval": self.eval,
            "execfile": self.execfile,
            "input": self.input,
        }

    def compile(
        self,
        source: Any,
        filename: Any,
        mode: Any,
        flags: int = 0,
        dont_inherit: int = 0,
    ) -> Any:
        """Do as Python 2.7's `compile`."""
        if not isinstance(source, (*STRINGS, bytearray, memoryview)):
            return compile(source, filename, mode, flags, bool(dont_inherit))
        if mode not in ("exec", "eval", "single"):
            raise ValueError("compile() arg 3 must be 'exec', 'eval' or 'single'")
        if flags & ~_KNOWN_FLAGS:
            raise ValueError("compile(): unrecognised flags")
        if flags & _ONLY_AST:
            return compile(source, filename, mode, flags)
        if not dont_inherit:
            flags |= _flags_of(sys._getframe(1))
        return compiling.compile_text(
            compiling.plain_source(source), str(filename), str(mode), flags
        )

    def eval(self, source: Any, globals: Any = None, locals: Any = None) -> Any:
        """Do as Python 2.7's `eval`."""
        frame = sys._getframe(1)
        globals, locals = _scopes(frame, globals, locals)
        if isinstance(source, CodeType):
            return self._run(source, globals, locals)
        if not isinstance(source, (*STRINGS, bytearray, memoryview)):
            raise TypeError("eval() arg 1 must be a string or code object")
        code = compiling.compile_text(
            compiling.plain_source(source), "<string>", "eval", _flags_of(frame)
        )
        return self._run(code, globals, locals)

    def execfile(self, filename: Any, globals: Any = None, locals: Any = None) -> None:
        """Do as Python 2.7's `execfile`."""
        frame = sys._getframe(1)
        globals, locals = _scopes(frame, globals, locals)
        with open(filename, "rb") as file:
            source = file.read()
        code = compiling.compile_text(source, str(filename), "exec", _flags_of(frame))
        self._run(code, globals, locals)

    def input(self, prompt: Any = "") -> Any:
        """Do as Python 2.7's `input`: the line is an expression."""
        frame = sys._getframe(1)
        source = files.raw_input(prompt).strip()
        code = compiling.compile_text(source, "<string>", "eval", _flags_of(frame))
        return self._run(code, frame.f_globals, frame.f_locals)

    def exec_statement(
        self, code: Any, globals: Any = None, locals: Any = None
    ) -> None:
        """Do `exec code in globals, locals`."""
        frame = sys._getframe(1)
        if isinstance(code, tuple) and len(code) in (2, 3):
            code, globals, *rest = code
            locals = rest[0] if rest else None
        owner = None
        if isinstance(globals, MappingProxyType):
            # `exec code in A.__dict__`: what it binds becomes A's.
            owner = getattr(globals.get("__dict__"), "__objclass__", None)
            globals = dict(globals)
        if globals is not None and not isinstance(globals, dict):
            kind = type(globals).__name__
            raise TypeError(f"exec: arg 2 must be a dictionary or None, not {kind}")
        globals, locals = _scopes(frame, globals, locals)
        before = dict(globals) if owner is not None else {}
        if not isinstance(code, CodeType):
            code = compiling.compile_text(*_source_of(code), "exec", _flags_of(frame))
        self._run(code, globals, locals)
        for name, value in globals.items() if owner is not None else ():
            if name != "__builtins__" and before.get(name, self) is not value:
                setattr(owner, name, value)

    def _run(self, code: CodeType, globals: Any, locals: Any) -> Any:
        """Run code with builtins of ours, or with an app's that stand over ours."""
        own = globals.get("__builtins__")
        if own is self._names:
            return eval(code, globals, locals)
        if own is None and "__builtins__" not in globals:
            globals["__builtins__"] = self._names
            return eval(code, globals, locals)
        if own in (builtins, vars(builtins)) or vars_of(own) is self._names:
            globals["__builtins__"] = self._names
            return eval(code, globals, locals)
        hidden = {
            key: value for key, value in self._names.items() if key.startswith(_HELPER)
        }
        hidden["__import__"] = self._names["__import__"]
        if own is None or not isinstance(own, dict):
            own = vars(own) if isinstance(own, ModuleType) else {}
        given = globals["__builtins__"]
        globals["__builtins__"] = {**hidden, **own}
        try:
            return eval(code, globals, locals)
        finally:
            globals["__builtins__"] = given


def vars_of(module: Any) -> Any:
    """Return a module's dict; None for what is no module."""
    return vars(module) if isinstance(module, ModuleType) else None


_ONLY_AST: Final = 0x400
_KNOWN_FLAGS: Final = compiling.FUTURE_FLAGS | _ONLY_AST | 0x200 | 0x10 | 0x2000


def _source_of(code: Any) -> tuple[Any, str]:
    """Return the source and file name of what exec was given.

    Raises:
        TypeError: it is neither a string, nor a file, nor code.
    """
    if isinstance(code, (*STRINGS, bytearray, memoryview)):
        return compiling.plain_source(code), "<string>"
    if isinstance(code, files.file):
        return to_bytes(code.read()), str(code.name)
    raise TypeError("exec: arg 1 must be a string, file, or code object")


def _flags_of(frame: FrameType) -> int:
    """Return the __future__ flags of the code that asks."""
    return frame.f_code.co_flags & compiling.FUTURE_FLAGS


def _scopes(frame: FrameType, globals: Any, locals: Any) -> tuple[Any, Any]:
    """Return the scopes to run in: those given, else those of the caller."""
    if globals is not None and not isinstance(globals, dict):
        raise TypeError("globals must be a dictionary")
    if globals is None:
        if locals is None:
            locals = frame.f_locals
        return frame.f_globals, locals
    return globals, globals if locals is None else locals


def _scope_of(scope: dict[str, Any], locals: dict[str, Any]) -> dict[str, Any]:
    """Return a function's scope for bare exec, with its present locals."""
    scope.update(
        (name, value) for name, value in locals.items() if not name.startswith(_HELPER)
    )
    return scope
