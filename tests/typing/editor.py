"""A sample that a user's editor reads; scripts/wheel has pyright and mypy read it.

They do so in an environment with the wheel, and an error that is expected must come.
"""

from __future__ import annotations

import channelshim
from google.appengine.api import channel, taskqueue
from google.appengine.api.channel.channel_service_stub import ChannelServiceStub
from google.appengine.ext import ndb, webapp
from google.appengine.ext.webapp import util
from typing_extensions import assert_type


class Page(ndb.Model):
    """Google's own modules are found beside ours."""

    title = ndb.StringProperty()


def send() -> str | None:
    assert_type(channel.create_channel("ann", duration_minutes=5), str)
    longest: int = channel.MAXIMUM_CLIENT_ID_LENGTH
    try:
        channel.send_message("ann", "text"[:longest])
    except channel.InvalidMessageError as error:
        return str(error)
    ChannelServiceStub().pop_first_message("token")
    taskqueue.add(url="/work")
    util.run_wsgi_app(webapp.WSGIApplication([]))
    return None


def serve() -> None:
    channelshim.install("app", storage_path="data")
    channelshim.serve("app", port=8080, broker="redis://localhost", log_level="debug")


def mistakes() -> None:
    channelshim.serve("app", prot=8080)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    channelshim.serve("app", port="many")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    channelshim.serve("app", log_level="loud")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    channel.send_message("ann")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    channel.create_chanel("ann")  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
