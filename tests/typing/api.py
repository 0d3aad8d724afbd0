"""A sample of the public interface that only the type checker reads."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

import channelshim
from channelshim import errors


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


def doors(path: os.PathLike[str]) -> None:
    assert_type(channelshim.__version__, str)
    channelshim.install()
    channelshim.install("app", storage_path="data")
    channelshim.install(Path("app"), port=0)
    wrapped = channelshim.wrap(application, grace_seconds=3.0)
    wrapped = channelshim.wrap(wrapped)
    channelshim.serve()
    channelshim.serve(path, host="127.0.0.1")
    channelshim.serve(wrapped)


def mistakes() -> None:
    channelshim.wrap("not an application")  # type: ignore[arg-type]
    channelshim.install(3)  # type: ignore[arg-type]
    channelshim.install(prot=8080)  # type: ignore[call-arg]
    channelshim.serve(".", port="many")  # type: ignore[arg-type]


def sentence(error: errors.ChannelShimError) -> str:
    if isinstance(error, errors.TokenError):
        assert_type(error.close_code, int)
        return error.description
    return str(error)
