"""types: a name for each builtin type."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from channelshim.python27.helpers.files import file
from channelshim.python27.helpers.text import buffer27

__all__ = [
    *("NoneType", "TypeType", "ObjectType", "IntType", "LongType", "FloatType"),
    *("BooleanType", "ComplexType", "StringType", "UnicodeType", "StringTypes"),
    *("BufferType", "TupleType", "ListType", "DictType", "DictionaryType"),
    *("FunctionType", "LambdaType", "CodeType", "GeneratorType", "ClassType"),
    *("UnboundMethodType", "MethodType", "InstanceType", "BuiltinFunctionType"),
    *("BuiltinMethodType", "ModuleType", "FileType", "XRangeType", "SliceType"),
    *("EllipsisType", "NotImplementedType", "DictProxyType", "TracebackType"),
    *("FrameType", "GetSetDescriptorType", "MemberDescriptorType"),
]

NoneType: type[None] = type(None)
TypeType = ClassType = type
ObjectType = object
IntType = LongType = int
FloatType = float
BooleanType = bool
ComplexType = complex
StringType = UnicodeType = str
StringTypes: tuple[type[str], type[bytes]] = (str, bytes)
BufferType = buffer27
TupleType = tuple  # type: ignore[type-arg]
ListType = list
DictType: type[dict[Any, Any]] = dict
DictionaryType: type[dict[Any, Any]] = dict
FunctionType = LambdaType = types.FunctionType
CodeType = types.CodeType
GeneratorType = types.GeneratorType
BuiltinFunctionType = BuiltinMethodType = types.BuiltinFunctionType
ModuleType = types.ModuleType
FileType = file
XRangeType = range
SliceType = slice
EllipsisType: type = type(Ellipsis)
NotImplementedType: type = type(NotImplemented)
DictProxyType = types.MappingProxyType
TracebackType = types.TracebackType
FrameType = types.FrameType
GetSetDescriptorType = types.GetSetDescriptorType
MemberDescriptorType = types.MemberDescriptorType


class InstanceType:
    """The type of no object: all classes are of the new kind."""


class _MethodKind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        if isinstance(value, types.MethodType):
            return True
        # Taken from a class, a method is a function here.
        return isinstance(value, types.FunctionType) and _is_in_class(value)

    def __call__(
        cls, function: Callable[..., Any], instance: Any, kind: Any = None
    ) -> Any:
        if instance is None:
            return function
        return types.MethodType(function, instance)

    def __eq__(cls, other: object) -> bool:
        return other is types.MethodType or other is cls

    def __hash__(cls) -> int:
        return hash(types.MethodType)


def _is_in_class(function: types.FunctionType) -> bool:
    parent = function.__qualname__.rpartition(".")[0]
    return bool(parent) and not parent.endswith("<locals>")


class MethodType(metaclass=_MethodKind):
    """The type of methods; makes one of a function, an instance and a class."""


UnboundMethodType = MethodType
