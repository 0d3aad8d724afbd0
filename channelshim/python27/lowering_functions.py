"""Functions, lambdas and classes: parameters, scopes, generators, metaclasses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channelshim.python27.lowering_base import (
    WILD_NAMES,
    assign_at,
    constant_at,
    name_at,
    store_at,
)
from channelshim.python27.lowering_expressions import ExpressionLowerer
from channelshim.python27.lowering_survival import surviving_names
from channelshim.python27.nodes import LOAD, STORE, Scope, TupleParameter, make_at


class FunctionLowerer(ExpressionLowerer):
    """What opens a scope."""

    @contextmanager
    def inside(self, scope: Scope, parts: list[Any]) -> Iterator[None]:
        """Lower the parts of a scope's body in it."""
        outer = (
            self.scope,
            self.surviving,
            self.no_walrus,
            self.in_generator_expression,
            self.in_comprehension,
            self.numbers,
            self.blocks,
        )
        # The first is that of a generator.
        self.blocks = 1
        self.numbers = self.numbers_in(scope)
        self.scope = scope
        if self.shows_locals:
            self.surviving = scope.leaked.keys() | scope.except_names
        else:
            self.surviving = surviving_names(scope, parts)
        # Python looks into lambdas too, where a comprehension goes over them.
        self.no_walrus = 1 if scope.kind == "class" else self.in_source
        self.in_generator_expression = self.in_comprehension = 0
        yield
        (
            self.scope,
            self.surviving,
            self.no_walrus,
            self.in_generator_expression,
            self.in_comprehension,
            self.numbers,
            self.blocks,
        ) = outer

    def function(self, node: Any) -> Any:
        """Return a def lowered."""
        self.expressions(node.decorator_list)
        self.expressions(node.args.defaults)
        scope = node.__dict__.pop("scope")
        with self.inside(scope, node.body):
            unpacked = self._parameters(node.args)
            body = self.body(node.body)
        if any(_is_context_manager(part) for part in node.decorator_list):
            # contextlib knows the RuntimeError that Python 3 makes of StopIteration;
            # a generator that just ended would say that it has dealt with it.
            scope.is_generator = False
        node.body = self._function_body(scope, body, unpacked)
        return node

    def _parameters(self, arguments: Any) -> list[tuple[str, Any]]:
        """Give tuple parameters names; return each with what it is unpacked into."""
        unpacked: list[tuple[str, Any]] = []
        for number, argument in enumerate(arguments.args):
            if argument.__class__ is TupleParameter:
                # 2.7's own name for it, which no source can spell.
                name = f".{number}"
                unpacked.append((name, self.target(argument.target)))
                fields = {"arg": name, "annotation": None, "type_comment": None}
                arguments.args[number] = make_at(ast.arg, argument, fields)
            elif argument.arg in ("True", "False"):
                argument.arg = self.true_name(argument.arg)
        return unpacked

    def _function_body(
        self, scope: Scope, body: list[Any], unpacked: list[tuple[str, Any]]
    ) -> list[Any]:
        head: list[Any] = []
        if is_docstring(body[0]) and len(body) > 1:
            head.append(body.pop(0))
        place = body[0]
        if scope.globals:
            head.append(self.hoisted_globals(scope, place))
        if scope.wild_line:
            fields: dict[str, Any] = {"keys": [], "values": []}
            empty = make_at(ast.Dict, place, fields)
            head.append(assign_at(place, store_at(place, WILD_NAMES), empty))
        assigned = [
            assign_at(target, target, name_at(target, name))
            for name, target in unpacked
        ]
        body = [*assigned, *body]
        if scope.is_generator:
            body = [_stop_quietly(body)]
        return [*head, *body]

    def hoisted_globals(self, scope: Scope, place: ast.AST) -> ast.Global:
        """Return one global statement for a body: Python 3 wants it before any use."""
        names = sorted(self.true_name_if(name) for name in scope.globals)
        return make_at(ast.Global, place, {"names": names})

    def true_name_if(self, name: str) -> str:
        """Return a name, or what stands for True and False."""
        return self.true_name(name) if name in ("True", "False") else name

    def lambda_function(self, node: Any) -> Any:
        """Return a lambda lowered; tuple parameters by a comprehension over one item.

        `lambda (a, b): c` becomes `lambda p: [c for (a, b) in (p,)][0]`.
        """
        self.expressions(node.args.defaults)
        scope = node.__dict__.pop("scope")
        with self.inside(scope, [node.body]):
            unpacked = self._parameters(node.args)
            body = self.expr(node.body)
        if unpacked:
            body = _unpacked(node, body, unpacked)
        node.body = body
        return node

    def class_statement(self, node: Any) -> Any:
        """Return a class whose making is a helper's: it knows 2.7's special names."""
        self.expressions(node.decorator_list)
        self.expressions(node.bases)
        scope = node.__dict__.pop("scope")
        outer, self.class_name = self.class_name, node.name
        with self.inside(scope, node.body):
            body: list[Any] = self.body(node.body)
        self.class_name = outer
        if scope.globals:
            has_text = is_docstring(body[0])
            body.insert(1 if has_text else 0, self.hoisted_globals(scope, body[0]))
        node.body = body
        fields = {"arg": "metaclass", "value": name_at(node, "_p27_class")}
        node.keywords = [make_at(ast.keyword, node, fields)]
        return node

    def mangled(self, name: str) -> str:
        """Return an attribute's name as the class around makes it."""
        owner = self.class_name.lstrip("_")
        if owner and name.startswith("__") and not name.endswith("__"):
            return f"_{owner}{name}"
        return name


def is_docstring(statement: Any) -> bool:
    """Tell whether a statement is text alone."""
    return (
        statement.__class__ is ast.Expr
        and statement.value.__class__ is ast.Constant
        and statement.value.value.__class__ is str
    )


def _is_context_manager(decorator: Any) -> bool:
    name = getattr(decorator, "id", None) or getattr(decorator, "attr", None)
    return name == "contextmanager"


def _stop_quietly(body: list[Any]) -> ast.Try:
    """Return a generator's body that ends where StopIteration comes out of it.

    Python 3 makes a RuntimeError of it (PEP 479).
    """
    place = body[-1]
    fields: dict[str, Any] = {
        "type": name_at(place, "_p27_StopIteration"),
        "name": None,
        "body": [make_at(ast.Return, place, {"value": None})],
    }
    handler = make_at(ast.ExceptHandler, place, fields)
    fields = {"body": body, "handlers": [handler], "orelse": [], "finalbody": []}
    return make_at(ast.Try, body[0], fields)


def _unpacked(place: Any, body: Any, unpacked: list[tuple[str, Any]]) -> Any:
    names: Any = [name_at(place, name) for name, _ in unpacked]
    targets: Any = [target for _, target in unpacked]
    source, target = names[0], targets[0]
    if len(unpacked) > 1:
        source = make_at(ast.Tuple, place, {"elts": names, "ctx": LOAD})
        target = make_at(ast.Tuple, place, {"elts": targets, "ctx": STORE})
    items = make_at(ast.Tuple, place, {"elts": [source], "ctx": LOAD})
    part = ast.comprehension(target=target, iter=items, ifs=[], is_async=0)
    values = make_at(ast.ListComp, place, {"elt": body, "generators": [part]})
    fields = {"value": values, "slice": constant_at(place, 0), "ctx": LOAD}
    return make_at(ast.Subscript, place, fields)
