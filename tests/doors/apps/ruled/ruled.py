# channelshim: python3
"""Says what it sees; takes for the platform's word whatever begins like it."""

import json
from urllib.parse import parse_qs

from google.appengine.api import channel, users

PLATFORM = (
    "/_ah/channel/connected",
    "/_ah/channel/disconnected",
    "/_ah/queue",
    "/_ah/cron",
    "/_ah/start",
    "/_ah/stop",
    "/_ah/warmup",
    "/_ah/mail",
    "/_ah/xmpp",
    "/_ah/background",
    "/_ah/bounce",
    "/_ah/cloudtask",
)


def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith(PLATFORM):
        return say("the platform's handler was reached", start_response)
    if path == "/raise":
        raise ValueError("a secret of the app")
    if path == "/token":
        (client_id,) = parse_qs(environ["QUERY_STRING"])["id"]
        return say(channel.create_channel(client_id), start_response)
    user = users.get_current_user()
    seen = {
        "user": user and user.email(),
        "admin": users.is_current_user_admin(),
        "address": environ["REMOTE_ADDR"],
        "names": sorted(name for name in environ if name.startswith("HTTP_")),
    }
    return say(json.dumps(seen), start_response)


def say(text, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode("utf-8")]
