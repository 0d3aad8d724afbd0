"""API calls of one process answered by the services of another.

A call is its service, its name and its request as a protocol buffer; the answer is the
response, or the API's error. Message types travel by their full names and are looked up
among those that the SDK has imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.appengine.api import apiproxy_stub_map
from google.appengine.runtime import apiproxy_errors
from google.protobuf import descriptor_pool, message_factory

from channelshim.services import channel_messages
from channelshim.services.stubs import EagerStub

FORWARDED: Final = frozenset(
    {"blobstore", "channel", "datastore_v3", "mail", "memcache", "search", "taskqueue"}
    | {"xmpp"}
)
"""Services whose state the process with the store has; the others answer anywhere."""

Facts = dict[str, Any]
Ask = Callable[..., tuple[Facts, bytes]]


def answer_call(facts: Facts, body: bytes) -> tuple[Facts, bytes]:
    """Make a call for another process.

    Args:
        facts: "service", "call", and the full names of "request" and "response".
        body: the request.

    Returns:
        {} and the response; or "code" and "detail" of an application's error.

    Raises:
        LookupError: there is no such service or message.
    """
    service = str(facts["service"])
    stub = apiproxy_stub_map.apiproxy.GetStub(service)
    if service not in FORWARDED or stub is None:
        raise LookupError(f"the service {service} is not answered here")
    request = _message(facts["request"])
    request.ParseFromString(body)
    response = _message(facts["response"])
    try:
        stub.MakeSyncCall(service, str(facts["call"]), request, response)
    except apiproxy_errors.ApplicationError as error:
        return {"code": error.application_error, "detail": error.error_detail}, b""
    return {}, response.SerializePartialToString()


def _message(name: Any) -> Any:
    """Return an empty message of a type.

    Raises:
        LookupError: nothing that was imported has it.
    """
    full_name = str(name)
    of_channels = full_name.startswith(f"{channel_messages.PACKAGE}.")
    pool = channel_messages.POOL if of_channels else descriptor_pool.Default()
    found = pool.FindMessageTypeByName(full_name)
    return message_factory.GetMessageClass(found)()


def forward(ask: Ask) -> None:
    """Have this process's calls of FORWARDED services answered by another.

    Args:
        ask: composition.control.Control.ask.
    """
    for service in FORWARDED:
        stub = ForwardingStub(service, ask)
        apiproxy_stub_map.apiproxy.ReplaceStub(service, stub)


class ForwardingStub(EagerStub):
    """A service whose calls another process answers.

    Args:
        service: its name.
        ask: composition.control.Control.ask.
    """

    def __init__(self, service: str, ask: Ask) -> None:
        super().__init__(service)
        self._ask = ask

    def MakeSyncCall(
        self,
        service: str,
        call: str,
        request: Any,
        response: Any,
        request_id: str | None = None,
    ) -> None:
        """Make a call there.

        Raises:
            ApplicationError: as it was raised there.
            ConfigurationError: the other process has gone.
        """
        facts, body = self._ask(
            "call",
            request.SerializePartialToString(),
            service=service,
            call=call,
            request=request.DESCRIPTOR.full_name,
            response=response.DESCRIPTOR.full_name,
        )
        if "code" in facts:
            raise apiproxy_errors.ApplicationError(facts["code"], facts["detail"])
        response.ParseFromString(body)
