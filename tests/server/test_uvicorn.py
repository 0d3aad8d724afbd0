"""What is asked of uvicorn's private names."""

from __future__ import annotations

from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from channelshim.errors import ConfigurationError
from channelshim.server.http_protocol import for_server


def make_protocol() -> Any:
    nobody: Any = None
    return for_server(nobody, nobody)


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (HttpToolsProtocol, "_start_asgi_task"),
        (HttpToolsProtocol, "_should_upgrade_to_ws"),
        (HttpToolsProtocol, "_should_upgrade"),
        (HttpToolsProtocol, "_unset_keepalive_if_required"),
        (uvicorn.Config, "get_loop_factory"),
    ],
)
def test_a_uvicorn_without_a_name_is_refused_in_one_sentence(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(owner, name)

    with pytest.raises(
        ConfigurationError, match=f"lacks {name}.*pip install"
    ) as caught:
        make_protocol()

    assert uvicorn.__version__ in str(caught.value)


def test_this_uvicorn_fits() -> None:
    assert issubclass(make_protocol(), HttpToolsProtocol)
