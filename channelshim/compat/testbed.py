"""google.appengine.ext.testbed, given back what it could with Python 2.7.

Google's own module stays; its `init_channel_stub` and its neighbours, which only
raise on Python 3, are replaced when somebody imports it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

_HARMLESS = (
    # constant, service name, method; called by old setUp()s for services that ended.
    ("FILES_SERVICE_NAME", "file", "init_files_stub"),
    ("LOG_SERVICE_NAME", "logservice", "init_logservice_stub"),
    ("XMPP_SERVICE_NAME", "xmpp", "init_xmpp_stub"),
)


def patch_testbed(make_channel_stub: Callable[[], Any], testbed: Any) -> None:
    """Put the Channel stub and the loose ways of old suites into Google's module.

    Args:
        make_channel_stub: makes the stub that init_channel_stub registers.
        testbed: google.appengine.ext.testbed, freshly imported.

    Source: SDK 1.9.88, ext/testbed/__init__.py.
    """

    def init_channel_stub(self: Any, enable: bool = True) -> None:
        """Register a fresh ChannelServiceStub; enable=False takes the service away.

        Raises:
            NotActivatedError: before `activate`.
        """
        if enable:
            self._register_stub("channel", make_channel_stub())
        else:
            self._disable_stub("channel")

    testbed.Testbed.init_channel_stub = init_channel_stub
    _add_service(testbed, testbed.CHANNEL_SERVICE_NAME, "init_channel_stub")
    _add_service(testbed, testbed.SEARCH_SERVICE_NAME, "init_search_stub")
    testbed.Testbed.init_datastore_v3_stub = _take_use_sqlite(
        testbed.Testbed.init_datastore_v3_stub
    )
    for constant, service, method in _HARMLESS:
        setattr(testbed, constant, service)
        setattr(testbed.Testbed, method, _make_harmless(service, method))
        _add_service(testbed, service, method)
    # Python 2.7 took any application id; suites use "_" and "testapp".
    testbed.validate_project_id = _accept_any_project_id


def _add_service(testbed: Any, service: str, method: str) -> None:
    testbed.INIT_STUB_METHOD_NAMES[service] = method
    if service not in testbed.SUPPORTED_SERVICES:
        # In place: suites may have imported the list by its name.
        testbed.SUPPORTED_SERVICES.append(service)
        testbed.SUPPORTED_SERVICES.sort()


def _make_harmless(service: str, name: str) -> Any:
    def init_stub(self: Any, enable: bool = True, **stub_kw_args: Any) -> None:
        self._disable_stub(service)

    init_stub.__name__ = name
    init_stub.__doc__ = f"Accept the call: the service {service} ended in 2017."
    return init_stub


def _take_use_sqlite(plain: Any) -> Any:
    @functools.wraps(plain)
    def init_datastore_v3_stub(
        self: Any, enable: bool = True, *arguments: Any, **options: Any
    ) -> None:
        # A faster stub of that time; today's refuses the word, and answers the same.
        options.pop("use_sqlite", None)
        plain(self, enable, *arguments, **options)

    return init_datastore_v3_stub


def _accept_any_project_id(project_id: str) -> None:
    """No-op, instead of a check that old ids do not pass."""
