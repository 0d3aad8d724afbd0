"""The variables that App Engine put into os.environ for each request.

Source: SDK 1.9.88, tools/devappserver2/python/request_handler.py, and the keys that
google/appengine/api/users.py reads.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

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
        minor_version: its other half, another at each start.
        instance_id: INSTANCE_ID; "0" for an instance that stays, as it was.
        default_host: DEFAULT_VERSION_HOSTNAME; "" for the host that a request names.
        runtime: GAE_RUNTIME, as app.yaml names it.
        environment: env_variables of app.yaml.
        constants: variables that are the same for every request that nobody has logged
            in for; to be copied.
    """

    application_id: str
    module: str = "default"
    version: str = "1"
    minor_version: str = "1"
    instance_id: str = "0"
    default_host: str = ""
    runtime: str = "python27"
    environment: Mapping[str, str] | None = None
    constants: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "constants", _constants(self))


def platform_variables(
    application: Application, environ: Mapping[str, Any], user: User | None
) -> dict[str, str]:
    """Return what the platform itself says of a request, in os.environ and in WSGI's.

    Args:
        application: the app's facts.
        environ: the WSGI environment, outside headers already stripped.
        user: who asks, or None.
    """
    host = environ.get("HTTP_HOST") or "{}:{}".format(
        environ.get("SERVER_NAME", "localhost"), environ.get("SERVER_PORT", "80")
    )
    number = next(_numbers)
    path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    variables = dict(application.constants)
    variables["DEFAULT_VERSION_HOSTNAME"] = application.default_host or host
    variables["HTTP_HOST"] = host
    variables["REQUEST_ID_HASH"] = f"{number * _STRIDE & 0xFFFFFFFF:08X}"
    variables["REQUEST_LOG_ID"] = f"{_PROCESS}{number:016x}"
    variables["REQUEST_URI"] = path if _PLAIN_PATH(path) else _quoted(path)
    if user is not None:
        name, _, organization = user.email.partition("@")
        variables.update(
            USER_EMAIL=user.email,
            USER_ID=user.user_id,
            USER_IS_ADMIN="1" if user.is_admin else "0",
            USER_NICKNAME=name,
            USER_ORGANIZATION=organization,
        )
    return variables


def _constants(application: Application) -> dict[str, str]:
    variables = {
        "APPLICATION_ID": f"dev~{application.application_id}",
        "APPENGINE_RUNTIME": "python27",
        "AUTH_DOMAIN": limits.AUTH_DOMAIN,
        "CURRENT_MODULE_ID": application.module,
        "CURRENT_VERSION_ID": f"{application.version}.{application.minor_version}",
        "DATACENTER": DATACENTER,
        "GAE_ENV": "localdev",
        "GAE_RUNTIME": application.runtime,
        "HTTP_X_APPENGINE_COUNTRY": UNKNOWN_COUNTRY,
        "INSTANCE_ID": application.instance_id,
        "SERVER_SOFTWARE": SERVER_SOFTWARE,
        "TZ": "UTC",
        "USER_EMAIL": "",
        "USER_ID": "",
        "USER_IS_ADMIN": "0",
        "USER_NICKNAME": "",
        "USER_ORGANIZATION": "",
    }
    if application.runtime.startswith(_PYTHON3):
        variables.update(
            GAE_APPLICATION=f"dev~{application.application_id}",
            GAE_INSTANCE=application.instance_id,
            GAE_SERVICE=application.module,
            GAE_VERSION=application.version,
            GOOGLE_CLOUD_PROJECT=application.application_id,
        )
    return variables


def _quoted(path: str) -> str:
    return quote(path, safe=_UNQUOTED, encoding="latin-1")


_numbers: Final = itertools.count(secrets.randbits(32))
_PROCESS: Final = secrets.token_hex(8)
"""Of this process; with a number behind it, of one request."""

_STRIDE: Final = 0x9E3779B1
"""Odd, so that 2**32 numbers in a row have hashes of their own, which look random."""

_PLAIN_PATH: Final = re.compile(r"[\w/.~-]*", re.ASCII).fullmatch
_PYTHON3: Final = "python3"
_UNQUOTED: Final = "/~:@!$&'()*+,;="
"""What a path may hold as it is (RFC 3986, 3.3)."""

DATACENTER: Final = "us1"
"""Where the old server said it was."""

UNKNOWN_COUNTRY: Final = "ZZ"
"""What X-AppEngine-Country says of an address that nobody knows."""


def request_variables(
    application: Application,
    environ: Mapping[str, Any],
    user: User | None,
    platform: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return what os.environ holds on top of the process's own during a request.

    Args:
        application: the app's facts.
        environ: the WSGI environment, outside headers already stripped.
        user: who asks, or None.
        platform: from `platform_variables`, where they are known already.
    """
    variables = dict(application.environment or {})
    for key, value in environ.items():
        # Nearly all names are the same in each request.
        if isinstance(value, str) and (key in _names or _is_name(key)):
            variables[key] = value
    if platform is None:
        platform = platform_variables(application, environ, user)
    variables.update(platform)
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
