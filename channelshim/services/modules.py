"""The service `modules`: which modules run here, and where.

The modules are those that the command named, each with one version and one instance.

Source: SDK 1.9.88, api/modules/modules_stub.py, for which calls end with which error.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from google.appengine.api.modules import modules_service_pb2
from google.appengine.runtime import apiproxy_errors

from channelshim.contracts.modules import RunningModule
from channelshim.services.stubs import EagerStub

_logger: Final = logging.getLogger("channelshim.services")
_Error: Final = modules_service_pb2.ModulesServiceError


class ModulesService(EagerStub):
    """The stub for the service `modules`.

    Args:
        running: returns the modules of this process, the default one first.
    """

    def __init__(self, running: Callable[[], Sequence[RunningModule]]) -> None:
        super().__init__("modules")
        self._running = running

    def _Dynamic_GetModules(self, _request: Any, response: Any) -> None:
        response.module.extend(each.name for each in self._running())

    def _Dynamic_GetVersions(self, request: Any, response: Any) -> None:
        response.version.append(self._module(request).version)

    def _Dynamic_GetDefaultVersion(self, request: Any, response: Any) -> None:
        response.version = self._module(request).version

    def _Dynamic_GetNumInstances(self, request: Any, response: Any) -> None:
        self._with_instances(request)
        response.instances = 1

    def _Dynamic_SetNumInstances(self, request: Any, _response: Any) -> None:
        module = self._with_instances(request)
        if request.instances != 1:
            _logger.warning("module %s keeps its one instance", module.name)

    def _Dynamic_StartModule(self, request: Any, _response: Any) -> None:
        self._with_instances(request)
        raise apiproxy_errors.ApplicationError(_Error.UNEXPECTED_STATE)

    def _Dynamic_StopModule(self, request: Any, _response: Any) -> None:
        module = self._with_instances(request)
        _logger.warning("module %s runs on: it ends with the server", module.name)

    def _Dynamic_GetHostname(self, request: Any, response: Any) -> None:
        module = self._module(request)
        if request.HasField("version") and request.version != module.version:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_MODULE)
        if request.HasField("instance") and (
            not module.has_instances or request.instance not in ("", "0")
        ):
            raise apiproxy_errors.ApplicationError(_Error.INVALID_INSTANCES)
        response.hostname = module.host or os.environ.get(
            "DEFAULT_VERSION_HOSTNAME", "localhost"
        )

    def _module(self, request: Any) -> RunningModule:
        """Return the module that a request names, else the caller's own."""
        name = os.environ.get("CURRENT_MODULE_ID", "default")
        if request.HasField("module"):
            name = request.module
        for each in self._running():
            if each.name == name:
                return each
        raise apiproxy_errors.ApplicationError(_Error.INVALID_MODULE)

    def _with_instances(self, request: Any) -> RunningModule:
        """Return the module if its instances can be counted and stopped."""
        try:
            module = self._module(request)
        except apiproxy_errors.ApplicationError:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_VERSION) from None
        is_other = request.HasField("version") and request.version != module.version
        if is_other or not module.has_instances:
            raise apiproxy_errors.ApplicationError(_Error.INVALID_VERSION)
        return module
