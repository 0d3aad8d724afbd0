"""The services `modules` and `system`: answers of the old development server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from channelshim import appengine

appengine.install("shop")

from google.appengine.api import apiproxy_stub_map, modules, runtime  # noqa: E402

from channelshim.contracts.modules import RunningModule  # noqa: E402
from channelshim.services.modules import ModulesService  # noqa: E402
from channelshim.services.system import SystemService  # noqa: E402

RUNNING = (
    RunningModule("default", "v7", "localhost:8080"),
    RunningModule("worker", "w1", "localhost:8081", has_instances=True),
)


@pytest.fixture(autouse=True)
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = apiproxy_stub_map.apiproxy
    proxy = apiproxy_stub_map.APIProxyStubMap()
    proxy.RegisterStub("modules", ModulesService(lambda: RUNNING))
    proxy.RegisterStub("system", SystemService())
    apiproxy_stub_map.apiproxy = proxy
    monkeypatch.setenv("CURRENT_MODULE_ID", "default")
    monkeypatch.setenv("CURRENT_VERSION_ID", "v7.1")
    yield
    apiproxy_stub_map.apiproxy = before


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("get_modules()", ["default", "worker"]),
        ("get_versions()", ["v7"]),
        ("get_versions('worker')", ["w1"]),
        ("get_versions('q')", "InvalidModuleError"),
        ("get_default_version()", "v7"),
        ("get_default_version('worker')", "w1"),
        ("get_hostname()", "localhost:8080"),
        ("get_hostname('worker')", "localhost:8081"),
        ("get_hostname('worker', 'w1')", "localhost:8081"),
        ("get_hostname('worker', 'w1', 9)", "InvalidInstancesError"),
        ("get_hostname('default', 'q')", "InvalidModuleError"),
        ("get_hostname('q')", "InvalidModuleError"),
        ("get_num_instances()", "InvalidVersionError"),
        ("get_num_instances('worker')", 1),
        ("set_num_instances(1, 'worker')", None),
        ("set_num_instances(1)", "InvalidVersionError"),
        ("start_version('worker', 'w1')", None),
        ("start_version('default', 'v7')", "InvalidVersionError"),
        ("stop_version('default')", "InvalidVersionError"),
        ("stop_version('worker')", None),
        ("get_current_module_name()", "default"),
        ("get_current_version_name()", "v7"),
    ],
)
def test_modules_answer(call: str, answer: Any) -> None:
    try:
        found = eval(call, vars(modules).copy())
    except modules.Error as error:
        found = type(error).__name__
    assert found == answer
    json.dumps(found)


def test_figures_are_fields_and_methods() -> None:
    memory, cpu = runtime.memory_usage(), runtime.cpu_usage()
    assert memory.current > 1
    assert memory.current() == memory.current
    assert memory.average10m() >= 0
    assert cpu.total() > 0
    assert cpu.rate1m == 0
