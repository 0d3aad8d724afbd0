"""The variables that App Engine put into os.environ for each request.

Source: SDK 1.9.88, tools/devappserver2/python/request_handler.py, and the keys that
google/appengine/api/users.py reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channelshim import limits
from channelshim.contracts.identity import User

SERVER_SOFTWARE = "Development/2.0 (channelshim)"
"""Apps recognise the development server by a text that starts with "Dev"."""


@dataclass(frozen=True, slots=True)
class Application:
    """What is the same for every request of one app.

    Attributes:
        application_id: APPLICATION_ID, without partition; "myapp".
        module: CURRENT_MODULE_ID.
        version: CURRENT_VERSION_ID's first half.
        runtime: GAE_RUNTIME, as app.yaml names it.
        environment: env_variables of app.yaml.
    """

    application_id: str
    module: str = "default"
    version: str = "1"
    runtime: str = "python27"
    environment: Mapping[str, str] | None = None


def request_variables(
    application: Application, environ: Mapping[str, Any], user: User | None
) -> dict[str, str]:
    """Return what os.environ holds on top of the process's own during a request.

    Args:
        application: the app's facts.
        environ: the WSGI environment, outside headers already stripped.
        user: who asks, or None.
    """
    variables = dict(application.environment or {})
    for key, value in environ.items():
        # Nearly all names are the same in each request.
        if isinstance(value, str) and (key in _names or _is_name(key)):
            variables[key] = value
    host = environ.get("HTTP_HOST") or "{}:{}".format(
        environ.get("SERVER_NAME", "localhost"), environ.get("SERVER_PORT", "80")
    )
    email = user.email if user else ""
    variables.update(
        APPLICATION_ID=f"dev~{application.application_id}",
        APPENGINE_RUNTIME="python27",
        AUTH_DOMAIN=limits.AUTH_DOMAIN,
        CURRENT_MODULE_ID=application.module,
        CURRENT_VERSION_ID=f"{application.version}.1",
        DEFAULT_VERSION_HOSTNAME=host,
        GAE_ENV="localdev",
        GAE_RUNTIME=application.runtime,
        HTTP_HOST=host,
        INSTANCE_ID="0",
        SERVER_SOFTWARE=SERVER_SOFTWARE,
        TZ="UTC",
        USER_EMAIL=email,
        USER_ID=user.user_id if user else "",
        USER_IS_ADMIN="1" if user and user.is_admin else "0",
        USER_NICKNAME=email.partition("@")[0],
        USER_ORGANIZATION=email.partition("@")[2],
    )
    return variables


_names: set[str] = set()
_MAXIMUM_REMEMBERED = 512
_LONGEST_REMEMBERED = 64
"""Header names are untrusted, so the cache is bounded in count and length.

A set rather than functools.lru_cache, which would keep long names too, and calls a
function where this looks inline: a tenth of the time that a request's names take."""


def _is_name(key: str) -> bool:
    if not key.isupper() or "." in key:
        return False
    if len(_names) < _MAXIMUM_REMEMBERED and len(key) <= _LONGEST_REMEMBERED:
        _names.add(key)
    return True
