"""The fast tests on each Python, and with the oldest and the newest libraries."""

import os
import pathlib
import subprocess

import nox
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = pathlib.Path(__file__).parent

VERSIONS = ("3.10", "3.11", "3.12", "3.13")

OLDEST, NEWEST = VERSIONS[0], VERSIONS[-1]

COMING = "3.14"
"""Not promised yet; scripts/test runs it where it is."""

# What the fast lanes import; the rest of the extra `test` would only cost time.
FAST_REQUIREMENTS = (
    "Authlib",
    "argon2-cffi",
    "joserfc",
    "pytest",
    "pytest-xdist",
    "hypothesis",
    "Django",
    "Flask",
    "WebTest",
    "coverage",
    "gunicorn",
    "aiosmtpd",
    "prometheus-client",
    "trustme",
    "uvicorn",
)

SLOW_LANES = (
    "repository",
    "browser",
    "firefox",
    "webkit",
    "original",
    "sdk",
    "redis",
    "postgres",
    "proxies",
    "library",
    "slow",
    "explore",
    "failures",
    "bench",
)

# Real sockets differ between Pythons too: a sample of what drives servers comes along.
EXPRESSION = "(not served or sample) and " + " and ".join(
    f"not {lane}" for lane in SLOW_LANES
)


def _offer_pyenv() -> None:
    """Put pyenv's versions before its shims, which refuse what is not chosen."""
    root = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    folders = [
        str(folder)
        for version in (*VERSIONS, COMING)
        for folder in sorted(root.glob(f"versions/{version}.*/bin"))
    ]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ["PATH"]])


def _answers(version: str) -> bool:
    try:
        run = subprocess.run(
            [f"python{version}", "-c", "import ensurepip"],
            check=False,
            capture_output=True,
        )
    except OSError:
        return False
    return run.returncode == 0


def _required() -> frozenset[str]:
    """Return the versions whose absence is a failure."""
    named = os.environ.get("CHANNELSHIM_TESTS_PYTHONS", "").split(",")
    required = frozenset(version.strip() for version in named if version.strip())
    unknown = required - frozenset(VERSIONS)
    if unknown:
        raise ValueError(
            f"CHANNELSHIM_TESTS_PYTHONS names {', '.join(sorted(unknown))}; "
            f"there are {', '.join(VERSIONS)}"
        )
    return required


def _need(session: nox.Session, version: str) -> None:
    """Skip a session whose Python is not here, or fail it when it is required."""
    if _answers(version):
        return
    sentence = (
        f"Python {version} with ensurepip is neither on the PATH nor under pyenv: "
        "install it to run this lane"
    )
    if version in _required():
        session.error(f"{sentence}; CHANNELSHIM_TESTS_PYTHONS demands it")
    session.skip(sentence)


def _lowest_constraints() -> str:
    """Return constraints.txt with the lower bounds of pyproject.toml in it.

    Only what users install is at its lowest; the tools of the tests are pinned, and so
    is the extra `login`, whose lowest libraries ask for others than the tools do.
    """
    project = nox.project.load_toml(ROOT / "pyproject.toml")["project"]
    extras = project["optional-dependencies"]
    texts = list(project["dependencies"])
    for extra in ("redis", "postgres", "metrics", "django"):
        texts += extras[extra]
    lowest = {}
    for requirement in map(Requirement, texts):
        (bound,) = (
            part.version
            for part in requirement.specifier
            if part.operator in (">=", "==")
        )
        marker = f"; {requirement.marker}" if requirement.marker else ""
        name = canonicalize_name(requirement.name)
        lowest[name] = f"{name}=={bound}{marker}"
    # Its newer releases refuse the oldest itsdangerous and Jinja2.
    lowest["flask"] = "flask==3.0.0"
    pins = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    kept = [line for line in pins if line.partition("==")[0] not in lowest]
    return "\n".join([*kept, *lowest.values(), ""])


def _test(session: nox.Session) -> None:
    # Or each program that a test starts compiles it anew, where Python may write no
    # byte code; pip has compiled the libraries.
    session.run(
        *("python", "-m", "compileall", "-q", "channelshim"),
        env={"PYTHONDONTWRITEBYTECODE": ""},
    )
    session.run(
        "python",
        "-m",
        "pytest",
        "--numprocesses=2",
        "--dist=loadfile",
        "-m",
        EXPRESSION,
        *session.posargs,
        env={"CHANNELSHIM_REQUIRE": ""},
    )


_offer_pyenv()

nox.needs_version = ">=2024.4"
nox.options.reuse_venv = "yes"
nox.options.sessions = [
    *(f"fast-{version}" for version in VERSIONS),
    "lowest",
    "newest",
]
# `_need` says more about a Python that is missing.
nox.options.error_on_missing_interpreters = False


def _python(version: str) -> str | bool:
    """Return what nox makes an environment with; False means none, for `_need`."""
    return version if _answers(version) else False


def _install(session: nox.Session, *arguments: str) -> None:
    session.install("--quiet", *arguments, "-e", ".", *FAST_REQUIREMENTS, silent=True)


def _make_fast(version: str) -> None:
    @nox.session(name=f"fast-{version}", python=_python(version), tags=["fast"])
    def fast(session: nox.Session) -> None:
        """Run the tests that need nothing but Python and no waiting."""
        _need(session, version)
        _install(session, "-c", "constraints.txt")
        _test(session)


for _version in (*VERSIONS, COMING):
    _make_fast(_version)


@nox.session(python=_python(OLDEST))
def lowest(session: nox.Session) -> None:
    """Run them with the lowest version of each library that pyproject.toml allows."""
    _need(session, OLDEST)
    # Not in session.create_tmp(): the tests would have their temporary files there too,
    # under the tutorial's app.yaml.
    constraints = pathlib.Path(session.virtualenv.location) / "constraints.txt"
    constraints.write_text(_lowest_constraints(), "utf-8")
    _install(session, "-c", str(constraints))
    _test(session)


@nox.session(python=_python(NEWEST))
def newest(session: nox.Session) -> None:
    """Run them with the newest versions of today, whatever constraints.txt says."""
    _need(session, NEWEST)
    _install(session, "--upgrade", "--upgrade-strategy=eager")
    _test(session)
