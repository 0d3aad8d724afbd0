"""Protocol buffers where Google's SDK hands them to an app of Python 2.7.

The SDK's own code reads its messages by today's names, an app by those of its day:
`pb.key().path()`. So an app gets a LegacyMessage wherever it asks for one or is called
with one, and nobody else does.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any, Final

from channelshim.compat.import_hooks import after_import
from channelshim.compat.legacy_text import member_at

_SDK: Final = "google.appengine"

GIVES: Final = {
    f"{_SDK}.api.apiproxy_stub_map": ("UserRPC.request", "UserRPC.response"),
    f"{_SDK}.api.datastore": ("Entity.ToPb", "Entity._ToPb"),
    f"{_SDK}.api.datastore_types": ("Key._ToPb", "ToPropertyPb"),
    f"{_SDK}.ext.db": ("model_to_protobuf",),
    f"{_SDK}.ext.ndb.key": ("Key.reference",),
    f"{_SDK}.ext.ndb.model": (
        "Model._to_pb",
        "ModelAdapter.entity_to_pb",
    ),
}
"""Module to functions and properties that give messages."""

_IsApps = Callable[[Any], bool]


def install(builtins27: dict[str, Any]) -> None:
    """Have apps meet messages of their day, once the SDK is imported.

    Args:
        builtins27: those with which translated code runs.
    """

    def is_apps(function: Any) -> bool:
        function = inspect.unwrap(getattr(function, "__func__", function))
        names = getattr(function, "__globals__", {})
        return names.get("__builtins__") is builtins27

    for name, paths in GIVES.items():
        after_import(name, functools.partial(_give, paths, builtins27))
    after_import(
        f"{_SDK}.api.apiproxy_stub_map", functools.partial(_mend_hooks, is_apps)
    )
    after_import(f"{_SDK}.api.apiproxy_stub", functools.partial(_mend_stubs, is_apps))
    after_import(f"{_SDK}.ext.ndb.model", functools.partial(_mend_properties, is_apps))


def _give(paths: tuple[str, ...], builtins27: dict[str, Any], module: Any) -> None:
    from channelshim.compat.legacy_messages import wrapped

    def giving(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **named: Any) -> Any:
            value = function(*args, **named)
            if sys._getframe(1).f_builtins is not builtins27:
                return value
            return list(map(wrapped, value)) if type(value) is list else wrapped(value)

        return wrapper

    for path in paths:
        owner, name, member = member_at(module, path)
        if isinstance(member, property):
            changed: Any = property(giving(member.fget), doc=member.__doc__)
        elif isinstance(member, (classmethod, staticmethod)):
            changed = type(member)(giving(member.__func__))
        else:
            changed = giving(member)
        setattr(owner, name, changed)


def _mend_hooks(is_apps: _IsApps, module: Any) -> None:
    """Call an app's hooks around API calls with messages of its day."""
    from channelshim.compat.legacy_messages import wrapped

    def hook_for(function: Any) -> Any:
        if not is_apps(function):
            return function
        count = len(inspect.getfullargspec(function)[0]) - inspect.ismethod(function)
        if count == 6:

            def hook6(s: Any, c: Any, q: Any, a: Any, rpc: Any, error: Any) -> Any:
                return function(s, c, wrapped(q), wrapped(a), rpc, error)

            return hook6
        if count == 5:

            def hook5(s: Any, c: Any, q: Any, a: Any, rpc: Any) -> Any:
                return function(s, c, wrapped(q), wrapped(a), rpc)

            return hook5

        def hook4(s: Any, c: Any, q: Any, a: Any) -> Any:
            return function(s, c, wrapped(q), wrapped(a))

        return hook4

    for name in ("Append", "Push"):
        plain = getattr(module.ListOfHooks, name)

        def add(
            self: Any, key: Any, function: Any, service: Any = None, _plain: Any = plain
        ) -> Any:
            made = hook_for(function)
            if made is not function:
                # A hook is known by its key and its module.
                made.__module__ = function.__module__
            return _plain(self, key, made, service)

        setattr(module.ListOfHooks, name, functools.wraps(plain)(add))


def _mend_stubs(is_apps: _IsApps, module: Any) -> None:
    """Call a stub that a suite wrote with messages of its day."""
    from channelshim.compat.legacy_messages import wrapped

    kind = module.APIProxyStub
    plain = kind.MakeSyncCall

    @functools.wraps(plain)
    def make_sync_call(
        self: Any, service: Any, call: Any, request: Any, response: Any, *rest: Any
    ) -> Any:
        if is_apps(getattr(self, f"_Dynamic_{call}", None)):
            request, response = wrapped(request), wrapped(response)
        return plain(self, service, call, request, response, *rest)

    kind.MakeSyncCall = make_sync_call


def _mend_properties(is_apps: _IsApps, model: Any) -> None:
    """Call what an app's property reads and writes its value with, as 2.7's ndb did."""
    from channelshim.compat.legacy_messages import unwrapped, wrapped

    names = ("_db_get_value", "_db_set_value")

    def through(change: Any, function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(self: Any, v: Any, p: Any, *value: Any) -> Any:
            return function(self, change(v), change(p), *value)

        return wrapper

    def kinds_of_sdk(kind: Any) -> None:
        for name in names:
            if name in vars(kind):
                setattr(kind, name, through(unwrapped, vars(kind)[name]))
        for each in kind.__subclasses__():
            if each.__module__ == model.__name__:
                kinds_of_sdk(each)

    has_any: list[bool] = []

    def init_subclass(cls: Any, /, **named: Any) -> None:
        super(model.Property, cls).__init_subclass__(**named)
        for name in names:
            function = vars(cls).get(name)
            if function is not None and is_apps(function):
                if not has_any:
                    # What it hands on to the SDK's own is unwrapped from now on.
                    has_any.append(True)
                    kinds_of_sdk(model.Property)
                setattr(cls, name, through(wrapped, function))

    model.Property.__init_subclass__ = classmethod(init_subclass)
