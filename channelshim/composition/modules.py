"""The modules of one app in one process: each with its app.yaml and its port.

Requests come to the module whose port they come to; with a dispatch.yaml there is one
port more, whose requests its rules divide, as on the old server. Requests that the
platform makes go by what they name: a module, "VERSION.MODULE", or a host.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from channelshim.appserver.application import AppServer
from channelshim.appyaml.config import AppConfig
from channelshim.contracts.dispatcher import InternalRequest, InternalResponse
from channelshim.contracts.modules import RunningModule

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from channelshim.appyaml.dispatch import DispatchConfig


@dataclass(frozen=True, slots=True)
class Site:
    """One module that is served.

    Attributes:
        module: its name, and where it listens.
        server: answers for it.
    """

    module: RunningModule
    server: AppServer


class ModuleSites:
    """Several modules as one WSGI application and one Dispatcher.

    Args:
        sites: the default module first.
        dispatch: dispatch.yaml, or None.
    """

    def __init__(self, sites: Sequence[Site], dispatch: DispatchConfig | None) -> None:
        self._default = sites[0].server
        self._by_name: Mapping[str, AppServer] = {
            each.module.name: each.server for each in sites
        }
        self._by_host: Mapping[str, AppServer] = {
            each.module.host: each.server for each in sites
        }
        self._by_port: Mapping[str, AppServer] = {
            each.module.host.rpartition(":")[2]: each.server for each in sites
        }
        self._ports = {server: port for port, server in self._by_port.items()}
        self._names = {server: name for name, server in self._by_name.items()}
        self._dispatch = dispatch

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request from outside, by the port it came to, else by the rules."""
        server = self._asked(environ)
        environ["SERVER_PORT"] = self._ports[server]
        return server(environ, start_response)

    def _asked(self, environ: Mapping[str, Any]) -> AppServer:
        server = self._by_port.get(str(environ.get("SERVER_PORT")))
        if server is not None:
            return server
        host, path = environ.get("HTTP_HOST", ""), environ.get("PATH_INFO", "")
        return self._by_rules(str(host), str(path))

    def settle(self, environ: dict[str, Any]) -> str:
        """Return which module a request from outside is for, and note its port.

        Another process, which has that module, finds it by the port.
        """
        server = self._asked(environ)
        environ["SERVER_PORT"] = self._ports[server]
        return self._names[server]

    def name_for(self, request: InternalRequest) -> str:
        """Return which module a request of the platform's own is for."""
        return self._names[self._find(request.target, request.path)]

    def dispatch(self, request: InternalRequest) -> InternalResponse:
        """Make a request of the platform's own; see contracts.Dispatcher."""
        return self._find(request.target, request.path).dispatch(request)

    def host_refusal(self, host: str, peer: str) -> str:
        """Return why the host of a Host header is not served here, or ""."""
        return self._default.host_refusal(host, peer)

    def is_for_a_file(self, environ: Mapping[str, Any]) -> bool:
        """See AppServer.is_for_a_file."""
        return self._asked(environ).is_for_a_file(environ)

    def loaded_files(self) -> Iterator[str]:
        """Yield the path of every file whose code was loaded: the modules share it."""
        return self._default.loaded_files()

    def _find(self, target: str, path: str) -> AppServer:
        if not target:
            return self._by_rules("", path.partition("?")[0])
        server = self._by_host.get(target)
        if server is not None:
            return server
        # "worker", "v1.worker", or either before this server's own host.
        for name in target.partition(":")[0].split("."):
            if name in self._by_name:
                return self._by_name[name]
        return self._default

    def _by_rules(self, host: str, path: str) -> AppServer:
        dispatch = self._dispatch
        module = "" if dispatch is None else dispatch.module_for(host, path)
        return self._by_name.get(module, self._default)


def bind_others(
    first: socket.socket, count: int, bind: Callable[[int], socket.socket]
) -> list[socket.socket]:
    """Return listeners on the ports behind that of the first; any, if that was any.

    Args:
        first: bound.
        count: how many more.
        bind: binds one to a port; 0 for any.

    Raises:
        ConfigurationError: a port is taken.
    """
    port = first.getsockname()[1]
    bound: list[socket.socket] = []
    try:
        for number in range(1, count + 1):
            bound.append(bind(port + number))
    except BaseException:
        for each in bound:
            each.close()
        raise
    return bound


def running_module(config: AppConfig | None, host: str) -> RunningModule:
    """Return what the app is told of a module.

    Args:
        config: its app.yaml; None for an app without one.
        host: where it listens, with the port; "" when only a request tells.
    """
    config = config or AppConfig()
    return RunningModule(
        config.module or "default", config.version or "1", host, config.has_instances
    )
