"""Calls, attributes and names whose meaning changed."""

from __future__ import annotations

import ast
from typing import Any, Final

from channelshim.python27.lowering_base import (
    LowererBase,
    call_at,
    choice_at,
    class_is_at,
    constant_at,
    name_at,
)
from channelshim.python27.nodes import LOAD, is_current_error, make_at

DICTIONARY_METHODS: Final = frozenset(
    "keys values items iterkeys itervalues iteritems viewkeys viewvalues viewitems "
    "has_key".split()
)

TEXT_METHODS: Final = frozenset(("encode", "decode", "translate", "format"))

_TAKE_TEXT: Final = frozenset(
    "replace split rsplit find rfind index rindex count startswith endswith strip "
    "lstrip rstrip partition rpartition".split()
)
"""Methods of text that are given text, or bytes."""

_GIVE_BYTES: Final = frozenset(
    "get_data get_payload peek read read1 read_byte readall readframes readline "
    "readlines recv recv_bytes recvfrom tobytes toprettyxml toxml".split()
)
"""Methods of objects that the library makes by itself, where its answer is bytes."""

_LISTED: Final = frozenset(("keys", "values", "items"))
_VIEWED: Final = {
    "_p27_iterkeys": "keys",
    "_p27_itervalues": "values",
    "_p27_iteritems": "items",
}

_METHODS: Final = DICTIONARY_METHODS | TEXT_METHODS | {"sort"}
"""Called methods that become `_p27_<name>(object, arguments)`."""

OLD_NAMES: Final = frozenset(
    "im_func im_self im_class func_name func_code func_globals func_defaults "
    "func_closure func_doc func_dict".split()
)

SPECIAL_METHODS: Final = frozenset(
    "__getslice__ __setslice__ __delslice__ __div__ __rdiv__ __idiv__ __nonzero__ "
    "__cmp__ __long__ __hex__ __oct__ __coerce__".split()
)
"""Methods that the types of Python 3 lack: `list.__getslice__(self, 0, 1)`."""

_READ_BY_NAME: Final = OLD_NAMES | SPECIAL_METHODS | {"next"}
_LOADED: Final = _METHODS | _READ_BY_NAME | {"join"}
"""Attributes that are read through `_p27_attr`."""

_ITERATING: Final = frozenset(
    "all any dict enumerate filter frozenset iter list map reduce reversed set sorted "
    "sum tuple zip".split()
)
"""Functions that go through a sequence that they are given."""

_HANDLED: Final = "exception"
"""What webapp's `handle_exception(self, exception, debug_mode)` is given."""

_BY_NAME: Final = _LOADED | {"message"}
"""Attributes that getattr() and hasattr() find though Python 3 has none."""

_IN: Final[ast.cmpop] = ast.In()

_TEXT_TYPES: Final = {"str": "_p27_str_types", "bytes": "_p27_str_types"}


class CallLowerer(LowererBase):
    """Attributes and calls whose parts are lowered, but for a called attribute."""

    def attribute(self, node: Any) -> Any:
        """Return an attribute that is read and not called."""
        name = node.attr
        if name == "message":
            return call_at(node, "_p27_message", [node.value])
        if name in _LOADED:
            arguments = [node.value, constant_at(node, name)]
            return call_at(node, "_p27_attr", arguments)
        return node

    def stored_attribute(self, node: Any) -> Any:
        """Return an attribute that is assigned to or deleted."""
        if node.attr in OLD_NAMES:
            node.value = call_at(node, "_p27_old", [node.value])
        return node

    def call(self, node: Any) -> Any:
        """Return a call; its function is lowered, its arguments are not."""
        arguments, keywords = node.args, node.keywords
        for number, argument in enumerate(arguments):
            if argument.__class__ is ast.Starred:
                argument.value = self.spread_error(self.expr(argument.value))
            else:
                arguments[number] = self.expr(argument)
        for keyword in keywords:
            keyword.value = self.expr(keyword.value)
            if keyword.arg is None:
                # A key may be bytes there.
                keyword.value = call_at(node, "_p27_keywords", [keyword.value])
            elif keyword.arg in ("True", "False"):
                keyword.arg = self.true_name(keyword.arg)
        function = node.func
        if function.__class__ is ast.Attribute:
            return self._method_call(node, function)
        if function.__class__ is ast.Name:
            special = _FUNCTIONS.get(function.id)
            if special is not None and self.is_builtin(function.id):
                return special(self, node)
            if function.id in _ITERATING and self.is_builtin(function.id):
                arguments[:] = map(self.spread_error, arguments)
        return node

    def true_name(self, name: str) -> str:
        """Return what stands for True or False where the file assigns to them."""
        return name if self.is_builtin(name) else f"_p27_{name}"

    def _method_call(self, node: Any, function: Any) -> Any:
        name = function.attr
        arguments, keywords = node.args, node.keywords
        if name in _METHODS:
            values = [function.value, *arguments]
            helper = call_at(node, f"_p27_{name}", values, keywords)
            if function.value.__class__ is ast.Name and not keywords:
                return self._of_dictionary(node, function.value, arguments, helper)
            return helper
        if name == "join":
            if len(arguments) == 1 and not keywords and not _has_star(arguments):
                parts = map(self.spread_error, arguments)
                return call_at(node, "_p27_join", [function.value, *parts])
        elif name == "next" and not arguments and not keywords:
            return call_at(node, "_p27_next", [function.value])
        elif name in _TAKE_TEXT:
            return self.text_method(node)
        elif name in _GIVE_BYTES:
            return call_at(node, "_p27_answer", [node])
        elif name in _READ_BY_NAME:
            node.func = self.attribute(function)
        elif _may_reach_object(node, function):
            node.func = call_at(node, "_p27_new", [function])
        return node

    def _of_dictionary(
        self, node: Any, owner: ast.Name, arguments: list[Any], helper: Any
    ) -> Any:
        """Return the helper's call, or what it does for a dict without the call.

        Only exactly a dict: a subclass may have methods of its own.
        """
        name = node.func.attr
        if name in _LISTED and not arguments:
            view = _method_at(node, owner, name)
            native: Any = call_at(node, "_p27_list", [view])
        elif name == "has_key" and len(arguments) == 1 and _is_simple(arguments[0]):
            fields: dict[str, Any] = {"left": arguments[0], "ops": [_IN]}
            fields["comparators"] = [owner]
            native = make_at(ast.Compare, node, fields)
        else:
            return helper
        return choice_at(node, class_is_at(node, owner, "_p27_dict"), native, helper)

    # Builtin functions.

    def _str_call(self, node: Any) -> Any:
        return call_at(node, "_p27_str", node.args, node.keywords)

    def _unicode_call(self, node: Any) -> Any:
        return call_at(node, "_p27_unicode", node.args, node.keywords)

    def _type_call(self, node: Any) -> Any:
        return call_at(node, "_p27_type", node.args, node.keywords)

    def _cmp_call(self, node: Any) -> Any:
        # The builtin is no plain function: see helpers.as_builtin.
        return call_at(node, "_p27_cmp", node.args, node.keywords)

    def _isinstance_call(self, node: Any) -> Any:
        if len(node.args) == 2 and not _has_star(node.args):
            node.args[1] = self._types(node.args[1])
        return node

    def _types(self, node: Any) -> Any:
        if node.__class__ is ast.Name:
            types = _TEXT_TYPES.get(node.id)
            if types is not None and self.is_builtin(node.id):
                return name_at(node, types)
        elif node.__class__ is ast.Tuple:
            names = {getattr(element, "id", "") for element in node.elts}
            if names == {"int", "long"} and all(map(self.is_builtin, names)):
                # They are one type here, and a test of one costs half.
                return name_at(node, "int")
            node.elts = [self._types(element) for element in node.elts]
        return node

    def _getattr_call(self, node: Any) -> Any:
        arguments = node.args
        if len(arguments) < 2 or arguments[1].__class__ is not ast.Constant:
            return node
        if arguments[1].value in _BY_NAME:
            return call_at(node, f"_p27_{node.func.id}", arguments, node.keywords)
        return node

    def class_comparison(self, node: Any) -> None:
        """Read `x.__class__ == str`, not lowered yet, as `type(x) == str`."""
        operands = [node.left, *node.comparators]
        if not any(self._names_text(operand) for operand in operands):
            return
        for number, operand in enumerate(operands):
            if operand.__class__ is ast.Attribute and operand.attr == "__class__":
                function = name_at(operand, "type")
                fields = {"func": function, "args": [operand.value], "keywords": []}
                operands[number] = make_at(ast.Call, operand, fields)
        node.left, node.comparators = operands[0], operands[1:]

    def _names_text(self, node: Any) -> bool:
        if node.__class__ is ast.Name:
            is_text = node.id in ("str", "unicode", "bytes")
            return is_text and self.is_builtin(node.id)
        if node.__class__ is ast.Tuple or node.__class__ is ast.List:
            return any(self._names_text(element) for element in node.elts)
        return False

    def header(self, node: Any) -> Any:
        """Return what a `for` goes over: range() makes no list there."""
        is_items = _is_items_call(node)
        is_range = (
            node.__class__ is ast.Call
            and node.func.__class__ is ast.Name
            and node.func.id == "range"
            and self.is_builtin("range")
        )
        lowered = self.expr(node)
        if is_range:
            lowered.func = name_at(node, "_p27_range")
        elif is_items:
            lowered.body = _items_of_copy(node, lowered.orelse.args[0])
        elif lowered.__class__ is ast.Call and lowered.func.__class__ is ast.Name:
            return self._view(lowered)
        return self.spread_error(lowered)

    def _view(self, node: Any) -> Any:
        """Return what a loop over `d.iteritems()` goes over: a view of a dict."""
        view = _VIEWED.get(node.func.id)
        if view is None or len(node.args) != 1 or node.keywords:
            return node
        owner = node.args[0]
        if owner.__class__ is not ast.Name:
            return node
        native = _method_at(node, owner, view)
        return choice_at(node, class_is_at(node, owner, "_p27_dict"), native, node)

    def spread_error(self, node: Any) -> Any:
        """Return a lowered value; an exception stands for its arguments."""
        if node.__class__ is ast.Name:
            scope = self.scope
            if (
                node.id in scope.except_names
                or node.id in scope.error_names
                or node.id == _HANDLED
            ):
                return call_at(node, "_p27_args", [node])
        elif is_current_error(node):
            return call_at(node, "_p27_args", [node])
        return node

    def item_of_bytes(self, node: Any) -> Any:
        """Return a constant item of constant bytes, which Python 3 makes a number.

        Only its compiler does, for it knows nothing of 2.7's str; hence None for all
        that it leaves to run time.
        """
        value, index = node.value, node.slice
        if value.__class__ is not ast.Constant or value.value.__class__ is not bytes:
            return None
        if index.__class__ is not ast.Constant or index.value.__class__ is not int:
            return None
        size = len(value.value)
        if not -size <= index.value < size:
            return None
        place = index.value % size
        return constant_at(node, value.value[place : place + 1])


def _method_at(place: Any, owner: ast.expr, name: str) -> ast.Call:
    """Return the call of a method without arguments."""
    fields: dict[str, Any] = {"value": owner, "attr": name, "ctx": LOAD}
    function = make_at(ast.Attribute, place, fields)
    fields = {"func": function, "args": [], "keywords": []}
    return make_at(ast.Call, place, fields)


def _is_items_call(node: Any) -> bool:
    """Tell whether a node, not lowered yet, is `name.items()`."""
    return (
        node.__class__ is ast.Call
        and node.func.__class__ is ast.Attribute
        and node.func.attr == "items"
        and node.func.value.__class__ is ast.Name
        and not (node.args or node.keywords)
    )


def _items_of_copy(place: Any, owner: ast.Name) -> ast.Call:
    """Return `owner.copy().items()`, which a loop may go over instead of a list.

    Theory: nobody else knows the copy, so its view gives the pairs that the list
    would, whatever the loop or another thread does to the dict meanwhile; and a view
    makes one pair at a time.
    """
    copy = _method_at(place, owner, "copy")
    return _method_at(place, copy, "items")


def _is_simple(node: Any) -> bool:
    return node.__class__ is ast.Name or node.__class__ is ast.Constant


def _may_reach_object(node: Any, function: Any) -> bool:
    """Tell whether a call may hand arguments to `object.__new__` or its `__init__`.

    2.7 only warns where a class has both methods; every recipe for a singleton does it.
    """
    if len(node.args) + len(node.keywords) < 2 and not _has_star(node.args):
        if not node.keywords:
            return False
    if function.attr == "__new__":
        return True
    if function.attr != "__init__":
        return False
    owner = function.value
    if owner.__class__ is ast.Call:
        owner = owner.func
        return owner.__class__ is ast.Name and owner.id == "super"
    return owner.__class__ is ast.Name and owner.id == "object"


def _has_star(arguments: list[Any]) -> bool:
    return any(argument.__class__ is ast.Starred for argument in arguments)


_FUNCTIONS: Final[dict[str, Any]] = {
    "str": CallLowerer._str_call,
    "bytes": CallLowerer._str_call,
    "unicode": CallLowerer._unicode_call,
    "type": CallLowerer._type_call,
    "cmp": CallLowerer._cmp_call,
    "isinstance": CallLowerer._isinstance_call,
    "issubclass": CallLowerer._isinstance_call,
    "getattr": CallLowerer._getattr_call,
    "hasattr": CallLowerer._getattr_call,
}
