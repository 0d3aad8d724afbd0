"""The fast lanes on every Python that the machine has, from 3.10 to 3.13."""

import os
import pathlib
import subprocess

import nox

VERSIONS = ("3.10", "3.11", "3.12", "3.13")

# What the fast lanes import; the rest of the extra `test` would only cost time.
FAST_REQUIREMENTS = ("pytest", "hypothesis", "Django", "Flask", "WebTest", "gunicorn")

SLOW_LANES = (
    "served",
    "browser",
    "original",
    "sdk",
    "redis",
    "postgres",
    "slow",
    "explore",
    "bench",
)


def _offer_pyenv() -> None:
    """Put pyenv's versions before its shims, which refuse what is not chosen."""
    root = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    folders = [
        str(folder)
        for version in VERSIONS
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


def _wanted() -> list[str]:
    """Return the versions to run on; scripts/test leaves out the whole suite's own."""
    own = os.environ.get("CHANNELSHIM_TESTS_OWN_PYTHON", "")
    return [version for version in VERSIONS if version != own and _answers(version)]


_offer_pyenv()

nox.needs_version = ">=2024.4"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["fast"]


@nox.session(python=_wanted())
def fast(session: nox.Session) -> None:
    """Run the tests that need nothing but Python and no waiting."""
    session.install(
        "--quiet", "-c", "constraints.txt", "-e", ".", *FAST_REQUIREMENTS, silent=True
    )
    expression = " and ".join(f"not {lane}" for lane in SLOW_LANES)
    session.run(
        "python",
        "-m",
        "pytest",
        "-m",
        expression,
        *session.posargs,
        env={"CHANNELSHIM_REQUIRE": ""},
    )
