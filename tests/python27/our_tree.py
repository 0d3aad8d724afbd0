"""Our tree of a Python 2.7 source in the words of tree_text."""

from __future__ import annotations

import ast
from typing import Any

from channelshim.python27 import nodes
from channelshim.python27.parser import Parser
from channelshim.python27.translation import decode
from tests.python27.tree_text import Writer, text_of


class OurWriter(Writer):
    """Writes Python 3's nodes under the names and fields that 2.7 has for them."""

    def node(self, depth: int, node: Any) -> None:
        special = getattr(self, f"write_{node.__class__.__name__}", None)
        if special is not None:
            special(depth, node)
            return
        self.plain(depth, node, node.__class__.__name__, node._fields)

    def plain(self, depth: int, node: Any, name: str, fields: Any) -> None:
        self.open(depth, name, node)
        for field in fields:
            if field in ("type_comment", "type_ignores", "is_async", "type_params"):
                continue
            value = getattr(node, field)
            if isinstance(value, str):
                self.identifier(depth + 1, value)
            else:
                self.value(depth + 1, value)

    def write_Module(self, depth: int, node: Any) -> None:
        self.plain(depth, node, "Module", ("body",))

    def write_Constant(self, depth: int, node: Any) -> None:
        value = node.value
        if value is ...:
            self.put(depth, "Ellipsis")
            return
        if isinstance(value, str) and node.kind != "u":
            value = value.encode("utf-8")
        is_text = isinstance(value, (str, bytes))
        self.open(depth, "Str" if is_text else "Num", node)
        if isinstance(value, str):
            encoded = value.encode("utf-8", "surrogatepass")
            self.put(depth + 1, "u" + repr(encoded).lstrip("b"))
        else:
            self.value(depth + 1, value)

    def write_FunctionDef(self, depth: int, node: Any) -> None:
        fields = ("name", "args", "body", "decorator_list")
        self.plain(depth, node, "FunctionDef", fields)

    def write_ClassDef(self, depth: int, node: Any) -> None:
        fields = ("name", "bases", "body", "decorator_list")
        self.plain(depth, node, "ClassDef", fields)

    def write_arguments(self, depth: int, node: Any) -> None:
        self.open(depth, "arguments", node)
        self.put(depth + 1, f"[{len(node.args)}]")
        for argument in node.args:
            if isinstance(argument, nodes.TupleParameter):
                self.node(depth + 2, argument.target)
            else:
                self.open(depth + 2, "Name", argument)
                self.identifier(depth + 3, argument.arg)
                self.put(depth + 3, "Param")
        self.identifier(depth + 1, node.vararg and node.vararg.arg)
        self.identifier(depth + 1, node.kwarg and node.kwarg.arg)
        self.value(depth + 1, node.defaults)

    def write_Call(self, depth: int, node: Any) -> None:
        self.open(depth, "Call", node)
        self.value(depth + 1, node.func)
        starred = [a for a in node.args if isinstance(a, ast.Starred)]
        self.value(depth + 1, [a for a in node.args if a not in starred])
        self.value(depth + 1, [k for k in node.keywords if k.arg])
        self.value(depth + 1, starred[0].value if starred else None)
        spread = [k.value for k in node.keywords if not k.arg]
        self.value(depth + 1, spread[0] if spread else None)

    def write_keyword(self, depth: int, node: Any) -> None:
        self.put(depth, "keyword")
        self.identifier(depth + 1, node.arg)
        self.value(depth + 1, node.value)

    def write_alias(self, depth: int, node: Any) -> None:
        self.put(depth, "alias")
        self.identifier(depth + 1, node.name)
        self.identifier(depth + 1, node.asname)

    def write_Slice(self, depth: int, node: Any) -> None:
        self.put(depth, "Slice")
        for part in (node.lower, node.upper, node.step):
            self.value(depth + 1, part)

    def write_Subscript(self, depth: int, node: Any) -> None:
        self.open(depth, "Subscript", node)
        self.value(depth + 1, node.value)
        self.index(depth + 1, node.slice)
        self.value(depth + 1, node.ctx)

    def index(self, depth: int, index: Any) -> None:
        parts = index.elts if isinstance(index, ast.Tuple) else ()
        if any(self.is_slice(part) for part in parts):
            self.put(depth, "ExtSlice")
            self.put(depth + 1, f"[{len(parts)}]")
            for part in parts:
                self.index(depth + 2, part)
        elif self.is_slice(index):
            self.node(depth, index)
        else:
            self.put(depth, "Index")
            self.value(depth + 1, index)

    @staticmethod
    def is_slice(node: Any) -> bool:
        if isinstance(node, ast.Slice):
            return True
        return isinstance(node, ast.Constant) and node.value is ...

    def write_Raise(self, depth: int, node: Any) -> None:
        self.open(depth, "Raise", node)
        self.value(depth + 1, node.exc)
        self.put(depth + 1, "None")
        self.put(depth + 1, "None")

    def write_Raise3(self, depth: int, node: Any) -> None:
        self.plain(depth, node, "Raise", node._fields)

    def write_Try(self, depth: int, node: Any) -> None:
        inner = depth
        if node.finalbody and node.handlers:
            self.open(depth, "TryFinally", node)
            self.put(depth + 1, "[1]")
            inner = depth + 2
        if node.handlers:
            self.plain(inner, node, "TryExcept", ("body", "handlers", "orelse"))
        else:
            self.open(depth, "TryFinally", node)
            self.value(depth + 1, node.body)
        if node.finalbody:
            self.value(depth + 1, node.finalbody)

    def write_ExceptHandler(self, depth: int, node: Any) -> None:
        self.plain(depth, node, "ExceptHandler", ("type", "target", "body"))

    def write_With(self, depth: int, node: Any) -> None:
        self.open(depth, "With", node)
        self.value(depth + 1, node.items[0].context_expr)
        self.value(depth + 1, node.items[0].optional_vars)
        self.value(depth + 1, node.body)

    def write_Print(self, depth: int, node: Any) -> None:
        self.plain(depth, node, "Print", node._fields)

    def write_Global(self, depth: int, node: Any) -> None:
        self.open(depth, "Global", node)
        self.put(depth + 1, " ".join(node.names))


def our_text(source: bytes, path: str) -> str:
    """Return our tree of a file as 2.7's text of the same file reads.

    Raises:
        SyntaxError: the source is no Python 2.7.
    """
    text, encoding = decode(source, path)
    return text_of(Parser(text, path, encoding).module(), source, OurWriter)
