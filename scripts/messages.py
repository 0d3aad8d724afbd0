"""Find the sentence of every error that channelshim raises, without running it.

`scripts/docs` writes the list at the end of docs/how-to/troubleshooting.md from them.
A sentence is the text that an error class of ours is called with: a constant, a text
with values in it, or what a local name, a constant of another module or a function of
the same module stands for. Each value in it is shown as HOLE. A call whose sentence
cannot be found this way is in `Found.opaque`, for a test to look at.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "channelshim"

HOLE = "…"
"""Stands for a value that is not known until the error is raised."""

OWN_TEXT = frozenset({"AppImportError", "InvalidToken", "StoreInUse", "TokenExpired"})
"""Classes whose text is written in the class itself, not where they are raised."""

PASSED_ON = frozenset({"_give_up"})
"""Functions whose argument becomes a sentence in another object."""

_DEEPEST = 4
_MOST_WAYS = 8
"""One place with more sentences than this shows a HOLE for what varies."""

_Function: TypeAlias = "ast.FunctionDef | ast.AsyncFunctionDef"


@dataclass(frozen=True, order=True)
class Message:
    """One sentence.

    Attributes:
        module: the file below channelshim/ that has it.
        text: the sentence, with HOLE for each value.
    """

    module: str
    text: str


@dataclass
class Found:
    """What the package's files have.

    Attributes:
        messages: all sentences.
        opaque: `module:function` of each call whose sentence was not found.
    """

    messages: set[Message] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)


@dataclass
class _Module:
    """One file, and the names in it."""

    name: str
    tree: ast.Module
    constants: dict[str, ast.expr] = field(default_factory=dict)
    functions: dict[str, _Function] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for statement in self.tree.body:
            self.constants.update(_assigned(statement))
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                self.functions.setdefault(node.name, node)
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    name = alias.asname or alias.name
                    self.imported[name] = (node.module, alias.name)

    @property
    def room(self) -> str:
        return self.name.partition("/")[0]


@dataclass
class _Package:
    """All files, and what is an error in them.

    Attributes:
        modules: by their paths.
        classes: names of the error classes.
    """

    modules: dict[str, _Module]
    classes: frozenset[str]

    def __post_init__(self) -> None:
        self._wrappers = {
            (module.name if name.startswith("_") else module.room, name)
            for module in self.modules.values()
            for name, function in module.functions.items()
            if self._makes_errors(function)
        }

    def is_wrapper(self, module: _Module, name: str) -> bool:
        """Return whether a function makes an error of a sentence that it is given.

        A private one counts in its own module, a public one in its whole room.
        """
        place = module.name if name.startswith("_") else module.room
        return (place, name) in self._wrappers

    def _makes_errors(self, function: _Function) -> bool:
        parameters = _parameters(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _name_of(node) in self.classes - OWN_TEXT:
                sentence = _sentence_of(node)
                if isinstance(sentence, ast.Name) and sentence.id in parameters:
                    return True
        return False


def find_messages(classes: frozenset[str], package: Path = PACKAGE) -> Found:
    """Return the sentences of all calls of the classes.

    Args:
        classes: names of the error classes.
        package: the folder to read.
    """
    files = _Package(dict(_read(package)), classes)
    found = Found()
    for module in files.modules.values():
        _Sites(module, files, found).visit(module.tree)
    return found


def _read(package: Path) -> Iterator[tuple[str, _Module]]:
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        # Python 2.7's library has errors of its own.
        if not name.startswith("python27/"):
            yield name, _Module(name, ast.parse(path.read_text("utf-8")))


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        if isinstance(node.target, ast.Name):
            yield node.target.id, node.value


def _name_of(call: ast.Call) -> str:
    return ast.unparse(call.func).rpartition(".")[2]


def _sentence_of(call: ast.Call) -> ast.expr | None:
    """Return the argument of a call that is the sentence, or None."""
    if call.args:
        return call.args[0]
    named = (each.value for each in call.keywords if each.arg in ("sentence", "reason"))
    return next(named, None)


def _parameters(function: _Function) -> set[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {each.arg for each in every}


def _returned(function: _Function) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(function)
        if isinstance(node, ast.Return) and node.value is not None
    ]


class _Sites(ast.NodeVisitor):
    """The calls of one module that make an error."""

    def __init__(self, module: _Module, package: _Package, found: Found) -> None:
        self._module = module
        self._package = package
        self._found = found
        self._functions: list[_Function] = []
        self._class = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self._class = self._class, node.name
        if node.name in OWN_TEXT:
            for statement in node.body:
                for name, value in _assigned(statement):
                    if name == "description":
                        self._note(value)
        self.generic_visit(node)
        self._class = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def _visit_function(self, node: _Function) -> None:
        self._functions.append(node)
        if self._class in OWN_TEXT and node.name == "__str__":
            for value in _returned(node):
                self._note(value)
        self.generic_visit(node)
        self._functions.pop()

    def visit_Call(self, node: ast.Call) -> None:
        sentence = _sentence_of(node)
        if sentence is not None and self._is_site(_name_of(node), sentence):
            self._note(sentence)
        self.generic_visit(node)

    def _is_site(self, name: str, sentence: ast.expr) -> bool:
        """Return whether a call of a name, with a sentence, is to be noted."""
        if name == "__init__":
            # Of a base class: facts go there too.
            return self._class in OWN_TEXT and isinstance(sentence, ast.JoinedStr)
        is_class = name in self._package.classes and name not in OWN_TEXT
        is_wrapper = self._package.is_wrapper(self._module, name)
        if not (is_class or is_wrapper or name in PASSED_ON):
            return False
        return not self._is_own_parameter(sentence)

    def _is_own_parameter(self, sentence: ast.expr) -> bool:
        """Return whether it is what the function around the call is given itself."""
        if not self._functions or not isinstance(sentence, ast.Name):
            return False
        function = self._functions[-1]
        is_passed = function.name in PASSED_ON or self._package.is_wrapper(
            self._module, function.name
        )
        return is_passed and sentence.id in _parameters(function)

    def _note(self, sentence: ast.expr) -> None:
        scope = self._functions[-1] if self._functions else None
        resolver = _Resolver(self._module, self._package.modules, scope)
        texts = {_plain(text) for text in resolver.texts(sentence)} - {"", HOLE}
        if not texts:
            place = self._class if scope is None else scope.name
            self._found.opaque.add(f"{self._module.name}:{place}")
        for text in texts:
            self._found.messages.add(Message(self._module.name, text))


class _Resolver:
    """What an expression of texts may be, in one function of a module."""

    def __init__(
        self,
        module: _Module,
        modules: dict[str, _Module],
        scope: _Function | None,
        depth: int = 0,
    ) -> None:
        self._module = module
        self._modules = modules
        self._scope = scope
        self._depth = depth

    def texts(self, node: ast.expr) -> set[str]:
        """Return each text that it may be; HOLE where it cannot be known."""
        if isinstance(node, ast.Constant):
            return {node.value if isinstance(node.value, str) else HOLE}
        if isinstance(node, ast.JoinedStr):
            return _joined([self._part(value) for value in node.values])
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _joined([self.texts(node.left), self.texts(node.right)])
        if isinstance(node, ast.IfExp):
            return self.any_of([node.body, node.orelse])
        if isinstance(node, ast.BoolOp):
            return self.any_of(node.values)
        if self._depth >= _DEEPEST:
            return {HOLE}
        if isinstance(node, ast.Name):
            return self._named(node.id)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "limits":
            return self.constant("limits.py", node.attr)
        if isinstance(node, ast.Call):
            return self._called(_name_of(node))
        return {HOLE}

    def any_of(self, nodes: list[ast.expr]) -> set[str]:
        """Return each text that one of the nodes may be."""
        found: set[str] = set()
        return found.union(*(self.texts(node) for node in nodes))

    def _part(self, node: ast.expr) -> set[str]:
        """Return what a piece of an f-string may be."""
        if not isinstance(node, ast.FormattedValue):
            return self.texts(node)
        if node.conversion != -1 or node.format_spec is not None:
            return {HOLE}
        found = self.texts(node.value)
        # What is left empty in one way is a clause that another way fills in.
        return found - {""} or found

    def _named(self, name: str) -> set[str]:
        if self._scope is not None:
            values = [
                value
                for node in ast.walk(self._scope)
                for assigned, value in _assigned(node)
                if assigned == name
            ]
            if values:
                return self._deeper(self._module, self._scope).any_of(values)
            if name in _parameters(self._scope):
                return {HOLE}
        return self.constant(self._module.name, name)

    def constant(self, module_name: str, name: str) -> set[str]:
        """Return what a name at the top level of a module stands for."""
        module = self._modules.get(module_name)
        if module is None or self._depth >= _DEEPEST:
            return {HOLE}
        if name in module.constants:
            return self._deeper(module, None).texts(module.constants[name])
        if name in module.imported:
            source, original = module.imported[name]
            inner = self._deeper(module, None)
            return inner.constant(_path_of(source), original)
        return {HOLE}

    def _called(self, name: str) -> set[str]:
        module = self._module
        if name not in module.functions and name in module.imported:
            source, name = module.imported[name]
            module = self._modules.get(_path_of(source), module)
        function = module.functions.get(name)
        if function is None:
            return {HOLE}
        found = self._deeper(module, function).any_of(_returned(function))
        return found or {HOLE}

    def _deeper(self, module: _Module, scope: _Function | None) -> _Resolver:
        return _Resolver(module, self._modules, scope, self._depth + 1)


def _path_of(module: str) -> str:
    """Return the file below channelshim/ of a module by its dotted name."""
    return "/".join(module.split(".")[1:]) + ".py"


def _joined(parts: list[set[str]]) -> set[str]:
    ways = 1
    for part in parts:
        ways *= len(part)
    if ways > _MOST_WAYS:
        parts = [part if len(part) == 1 else {HOLE} for part in parts]
    return {"".join(texts) for texts in itertools.product(*parts)}


def _plain(text: str) -> str:
    """Return a text in one line, with one HOLE for several in a row."""
    return re.sub(rf"{HOLE}(?:\s?{HOLE})+", HOLE, " ".join(text.split()))
