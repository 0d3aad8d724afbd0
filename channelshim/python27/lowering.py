"""Statements, and the tree as a whole: 2.7's in, Python 3's out."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from channelshim.python27.lowering_base import (
    CATCHES,
    WILD_NAMES,
    Remark,
    assign_at,
    call_at,
    choice_at,
    class_is_at,
    constant_at,
    name_at,
    statement_at,
    store_at,
)
from channelshim.python27.lowering_conditions import (
    DEEPEST,
    TEST,
    native_first,
    returned_cmp,
)
from channelshim.python27.lowering_functions import FunctionLowerer, is_docstring
from channelshim.python27.nodes import LOAD, Exec, Print, Raise3, make_at
from channelshim.python27.parser_simple import is_locals

_GONE_MODULES: Final = frozenset("Tkinter bsddb compiler dl parser".split())

_SEQUENCES: Final = (ast.Tuple, ast.List)
_TEXT_METHODS: Final = ("__str__", "__repr__")
_IN: Final[ast.cmpop] = ast.In()


class Lowerer(FunctionLowerer):
    """Every kind of statement."""

    def module(self, node: Any) -> Any:
        """Lower a module, an expression of `eval` or an interactive statement."""
        if isinstance(node, ast.Expression):
            self.no_walrus = 1
            node.body = self.expr(node.body)
            return node
        with self.inside(self.scope, node.body):
            body = self.body(node.body)
        if self.scope.globals and body:
            # Not idle: code that exec runs may have other locals.
            body.insert(_first_use(body), self.hoisted_globals(self.scope, body[0]))
        node.body = body
        return node

    def body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Return statements lowered."""
        kinds = _KINDS
        result: list[ast.stmt] = []
        for statement in statements:
            lowered = kinds[statement.__class__](self, statement)
            if lowered.__class__ is list:
                result.extend(lowered)
            else:
                result.append(lowered)
        return result

    def _expression(self, node: Any) -> Any:
        node.value = self.expr(node.value)
        return node

    def _unchanged(self, node: Any) -> Any:
        return node

    def _pass(self, node: Any) -> Any:
        return make_at(ast.Pass, node, {})

    # Assignment.

    def _assign(self, node: Any) -> Any:
        value = self.expr(node.value)
        targets = node.targets = [self.target(target) for target in node.targets]
        if any(isinstance(target, _SEQUENCES) for target in targets):
            value = self.spread_error(value)
        if any(getattr(target, "attr", "") in _TEXT_METHODS for target in targets):
            # As classes are mended when they are made: cls.__str__ = ... comes later.
            value = call_at(node, "_p27_text_answer", [value])
        node.value = value
        return node

    def _augmented(self, node: Any) -> Any:
        node.target = self.target(node.target)
        value = node.value = self.expr(node.value)
        operator = node.op.__class__
        if operator is ast.Div:
            return self.augmented_division(node)
        if operator is ast.Mod and node.target.__class__ is ast.Name:
            return self._augmented_remainder(node, value)
        return node

    def _augmented_remainder(self, node: Any, value: Any) -> Any:
        if self.number(value) == "int" or self.number(node.target):
            return node
        current = name_at(node.target, node.target.id)
        helper = call_at(node, "_p27_mod", [current, value])
        if value.__class__ is ast.Name:
            test = class_is_at(node, current, "_p27_int")
            fields = {"left": current, "op": node.op, "right": value}
            helper = choice_at(  # type: ignore[assignment]
                node, test, make_at(ast.BinOp, node, fields), helper
            )
        return assign_at(node, node.target, helper)

    def _delete(self, node: Any) -> Any:
        targets = node.targets
        if self.scope.kind == "class":
            # The variable of a list comprehension stays behind in 2.7 only.
            gone = self.scope.leaked.keys() - self.scope.bound.keys()
            targets = [t for t in targets if getattr(t, "id", None) not in gone]
            if not targets:
                return self._pass(node)
        node.targets = [self.target(target) for target in targets]
        return node

    # Blocks.

    def _if(self, node: Any) -> Any:
        current, result = node, [node]
        before = result
        while True:
            current.test = self.expr(current.test)
            self._take_condition(current, before)
            current.body = self.body(current.body)
            rest = current.orelse
            if len(rest) != 1 or rest[0].__class__ is not ast.If:
                break
            # A loop, for hundreds of `elif` are real.
            current, before = rest[0], rest
        current.orelse = self.body(rest)
        return result

    def _take_condition(self, node: Any, before: list[Any]) -> None:
        """Have an `if`'s lowered condition taken natively first, if it can be.

        Args:
            before: the statements that the `if` is the only one of.
        """
        if not self._may_add_block():
            return
        statement = native_first(node.test)
        if statement is not None:
            before.insert(0, statement)
            node.test = name_at(node.test, TEST)

    def _may_add_block(self) -> bool:
        """Tell whether names and a `try` of ours are neither seen nor too many."""
        is_function = self.scope.kind == "function"
        return is_function and not self.shows_locals and self.blocks <= DEEPEST

    def _inner(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        """Return the statements of a block lowered, one that Python counts."""
        self.blocks += 1
        lowered = self.body(statements)
        self.blocks -= 1
        return lowered

    def _while(self, node: Any) -> Any:
        node.test = self.expr(node.test)
        node.body = self._inner(node.body)
        node.orelse = self.body(node.orelse)
        return node

    def _for(self, node: Any) -> Any:
        node.target = self.target(node.target)
        node.iter = self.header(node.iter)
        node.body = self._inner(node.body)
        node.orelse = self.body(node.orelse)
        return node

    def _with(self, node: Any) -> Any:
        item = node.items[0]
        item.context_expr = self.expr(item.context_expr)
        if item.optional_vars is not None:
            item.optional_vars = self.target(item.optional_vars)
        node.body = self._inner(node.body)
        return node

    def _try(self, node: Any) -> Any:
        self.blocks += 1
        node.body = self._inner(node.body)
        for handler in node.handlers:
            self._handler(handler)
        node.orelse = self._inner(node.orelse)
        node.finalbody = self._inner(node.finalbody)
        self.blocks -= 1
        return node

    def _handler(self, node: Any) -> None:
        if node.type is not None:
            node.type = self.expr(node.type)
        target = node.__dict__.pop("target")
        self.blocks += 1
        body = self._inner(node.body)
        self.blocks -= 1
        if target is not None:
            target = self.target(target)
            is_name = target.__class__ is ast.Name
            if is_name and target.id not in self.surviving:
                node.name = target.id
            else:
                node.name = CATCHES
                caught: Any = name_at(target, CATCHES)
                if isinstance(target, _SEQUENCES):
                    caught = call_at(target, "_p27_args", [caught])
                body.insert(0, assign_at(target, target, caught))
        node.body = body

    # One line.

    def _return(self, node: Any) -> Any:
        if node.value is not None:
            node.value = self.expr(node.value)
            if self._may_add_block():
                return returned_cmp(node) or node
        return node

    def _assert(self, node: Any) -> Any:
        node.test = self.expr(node.test)
        if node.msg is not None:
            node.msg = self.expr(node.msg)
        return node

    def _print(self, node: Any) -> Any:
        target = node.dest and self.expr(node.dest)
        self.expressions(node.values)
        arguments = [
            target or constant_at(node, None),
            constant_at(node, node.nl),
            *node.values,
        ]
        return statement_at(node, call_at(node, "_p27_print", arguments))

    def _raise(self, node: Any) -> Any:
        if node.exc is not None:
            self._note_text_exception(node.exc)
            exception = node.exc = self.expr(node.exc)
            if exception.__class__ is ast.Tuple:
                node.exc = call_at(node, "_p27_exception", [exception])
        return node

    def _raise_with_value(self, node: Any) -> Any:
        self._note_text_exception(node.type)
        parts = [node.type, node.inst, *([node.tback] if node.tback else [])]
        is_text = _is_text(node.inst)
        self.expressions(parts)
        exception: Any = call_at(node, "_p27_exception", parts)
        if is_text and len(parts) == 2 and parts[0].__class__ is ast.Name:
            # Text is neither None, a tuple nor an instance: a class is just called.
            call_fields = {"func": parts[0], "args": parts[1:], "keywords": []}
            call = make_at(ast.Call, node, call_fields)
            test = class_is_at(node, parts[0], "_p27_metatype")
            exception = choice_at(node, test, call, exception)
        fields = {"exc": exception, "cause": None}
        return make_at(ast.Raise, node, fields)

    def _note_text_exception(self, node: Any) -> None:
        if node.__class__ is ast.Constant and isinstance(node.value, (str, bytes)):
            sentence = (
                "raising text is a TypeError since Python 2.6: raise an exception"
            )
            self.note(node, sentence)

    # Names from elsewhere.

    def _import(self, node: Any) -> Any:
        for alias in node.names:
            self._rename_truth(alias)
            if alias.name.partition(".")[0] in _GONE_MODULES:
                self.note(node, f"the module {alias.name} has no successor in Python 3")
        return node

    def _rename_truth(self, alias: ast.alias) -> None:
        if alias.asname is None:
            alias.name = self.true_name_if(alias.name)
        else:
            alias.asname = self.true_name_if(alias.asname)

    def _import_from(self, node: Any) -> Any:
        if node.module in _GONE_MODULES and not node.level:
            self.note(node, f"the module {node.module} has no successor in Python 3")
        for alias in node.names:
            self._rename_truth(alias)
        if self.scope.kind != "module" and node.names[0].name == "*":
            module = "." * node.level + (node.module or "")
            code = constant_at(node, f"from {module} import *")
            return self._execute(node, code)
        return node

    def _exec(self, node: Any) -> Any:
        code = self.expr(node.body)
        if node.globals is None:
            return self._execute(node, code)
        arguments = [code, self._names(node.globals), constant_at(node, None)]
        if node.locals is not None:
            arguments[2] = self._names(node.locals)
        return statement_at(node, call_at(node, "_p27_exec", arguments))

    def _names(self, node: Any) -> Any:
        """Return a dictionary for exec; `locals()` is where this function looks too."""
        if self.scope.kind == "function" and is_locals(node):
            if self.is_builtin("locals"):
                known = name_at(node, WILD_NAMES)
                local_names = call_at(node, "_p27_locals", [])
                return call_at(node, "_p27_scope_of", [known, local_names])
        return self.expr(node)

    def _execute(self, node: Any, code: Any) -> Any:
        """Run code in the names of where it stands."""
        all_globals = call_at(node, "_p27_globals", [])
        local_names = call_at(node, "_p27_locals", [])
        if self.scope.kind != "function":
            arguments = [code, all_globals, local_names]
            return statement_at(node, call_at(node, "_p27_exec", arguments))
        known = name_at(node, WILD_NAMES)
        names = call_at(node, "_p27_scope_of", [known, local_names])
        call = call_at(node, "_p27_exec", [code, all_globals, names])
        return [statement_at(node, call), *self._rebind(node)]

    def _rebind(self, node: Any) -> list[ast.stmt]:
        """Give the function's own names what the code has made of them."""
        scope = self.scope
        statements: list[ast.stmt] = []
        bound = scope.bound.keys() | scope.leaked.keys()
        for name in sorted(bound - scope.globals):
            key = constant_at(node, name)
            known = name_at(node, WILD_NAMES)
            fields: dict[str, Any] = {"left": key, "ops": [_IN], "comparators": [known]}
            test = make_at(ast.Compare, node, fields)
            fields = {"value": known, "slice": key, "ctx": LOAD}
            value = make_at(ast.Subscript, node, fields)
            body = [assign_at(node, store_at(node, name), value)]
            fields = {"test": test, "body": body, "orelse": []}
            statements.append(make_at(ast.If, node, fields))
        return statements


def _first_use(body: list[Any]) -> int:
    """Return the place after the docstring and the future imports."""
    place = 1 if is_docstring(body[0]) else 0
    while place < len(body):
        statement = body[place]
        if getattr(statement, "module", None) != "__future__":
            break
        place += 1
    return place


def _is_text(node: Any) -> bool:
    """Tell whether a parsed expression can only give text."""
    while node.__class__ is ast.BinOp:
        is_format = node.op.__class__ is ast.Mod or node.op.__class__ is ast.Add
        if not is_format:
            return False
        node = node.left
    return node.__class__ is ast.Constant and node.value.__class__ is str


_KINDS: Final[dict[type[ast.AST], Callable[[Lowerer, Any], Any]]] = {
    ast.Expr: Lowerer._expression,
    ast.Assign: Lowerer._assign,
    ast.AugAssign: Lowerer._augmented,
    ast.Delete: Lowerer._delete,
    ast.If: Lowerer._if,
    ast.While: Lowerer._while,
    ast.For: Lowerer._for,
    ast.With: Lowerer._with,
    ast.Try: Lowerer._try,
    ast.FunctionDef: Lowerer.function,
    ast.ClassDef: Lowerer.class_statement,
    ast.Return: Lowerer._return,
    ast.Assert: Lowerer._assert,
    ast.Raise: Lowerer._raise,
    ast.Import: Lowerer._import,
    ast.ImportFrom: Lowerer._import_from,
    ast.Pass: Lowerer._unchanged,
    ast.Break: Lowerer._unchanged,
    ast.Continue: Lowerer._unchanged,
    ast.Global: Lowerer._pass,
    Print: Lowerer._print,
    Raise3: Lowerer._raise_with_value,
    Exec: Lowerer._exec,
}

__all__ = ["Lowerer", "Remark"]
