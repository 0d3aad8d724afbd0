# channelshim: python3
"""Says who has logged in, and where one logs in and out."""

import json

from google.appengine.api import users


def app(environ, start_response):
    user = users.get_current_user()
    seen = {
        "user": user and user.email(),
        "id": user and user.user_id(),
        "admin": users.is_current_user_admin(),
        "login": users.create_login_url("/next"),
        "logout": users.create_logout_url("/next"),
    }
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [json.dumps(seen).encode("utf-8")]
