"""Install the wheel as users do and serve an app with it: pip, pipx and uv.

    python -m scripts.try_packages WHEEL LIST          on this Python
    python -m scripts.try_packages WHEEL LIST all      on each Python that is here

`scripts/wheel` calls it. On this Python it also installs every extra at once, writes
what is then installed into the file LIST, as CycloneDX does, and has type checkers read
it. Each installation is an empty environment of its own. What it needs is fetched once
for each Python, by pip, into a folder that the three then install from: the times are
theirs and not the network's, and uv and pipx need no settings for the index that pip
was set up with. With `all`, each Python that CHANNELSHIM_TESTS_PYTHONS names must be
there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.programs import running

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
"""The last one is tried where it is, and is not promised yet."""

EXTRAS = ("redis", "postgres", "login", "metrics", "django", "python27")
"""What users may ask for."""

IMPORTS = (
    "import redis, psycopg_pool, authlib, argon2, prometheus_client, django, sgmllib"
)


@dataclass(frozen=True)
class Place:
    """Where one installation goes.

    Attributes:
        python: the interpreter that it is for.
        folder: an empty one, for this installation alone.
        wheels: has the wheel and all that it needs.
        wheel: the file.
    """

    python: Path
    folder: Path
    wheels: Path
    wheel: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables: nothing of this user's, and no network."""
        folder = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            "HOME": folder,
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_COMPILE": "1",
            "PIP_NO_INDEX": "1",
            "PIPX_HOME": f"{folder}/pipx",
            "PIPX_BIN_DIR": f"{folder}/bin",
            "PIPX_MAN_DIR": f"{folder}/man",
            # Beside the environments, so that files are linked and not copied.
            "UV_CACHE_DIR": str(self.folder.parent / "uv"),
            # pipx calls uv where there is one, without the words for no index.
            "UV_FIND_LINKS": str(self.wheels),
            "UV_NO_CONFIG": "1",
            "UV_OFFLINE": "1",
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_TOOL_BIN_DIR": f"{folder}/bin",
            "UV_TOOL_DIR": f"{folder}/tools",
        }

    def run(self, *command: str | Path) -> str:
        """Run a program there and return what it prints; one that fails ends all."""
        run = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if run.returncode:
            words = " ".join(map(str, command))
            raise RuntimeError(f"{words}: status {run.returncode}\n{run.stdout}")
        return run.stdout


def install_by_pip(place: Place) -> Path:
    """Install into a virtual environment and return the folder of its commands."""
    # A pip of its own in each would take half of the time.
    place.run(place.python, "-m", "venv", "--without-pip", "venv")
    commands = place.folder / "venv" / "bin"
    pip = (TOOLS / "python", "-m", "pip", "--python", commands / "python")
    place.run(*pip, "install", "--quiet", place.wheel)
    return commands


def install_by_pipx(place: Place) -> Path:
    """Install as a command and return the folder of the commands."""
    place.run(TOOLS / "pipx", "install", "--python", place.python, place.wheel)
    return place.folder / "bin"


def install_by_uv(place: Place) -> Path:
    """Install as a tool and return the folder of the commands."""
    here = ("--no-index", "--find-links", place.wheels)
    uv = (TOOLS / "uv", "tool", "install", *here)
    place.run(*uv, "--python", place.python, place.wheel)
    return place.folder / "bin"


INSTALLERS: dict[str, Callable[[Place], Path]] = {
    "pip": install_by_pip,
    "pipx": install_by_pipx,
    "uv": install_by_uv,
}


def find_pythons() -> dict[str, Path]:
    """Return the interpreters by their versions, from the PATH and pyenv's folder."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = {}
    for version in VERSIONS:
        # pyenv's first: its shims on the PATH refuse what is not chosen.
        own = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
        names: list[str | Path] = [*own, f"python{version}"]
        for name in names:
            path = shutil.which(name)
            if path is not None and _answers(path):
                found[version] = Path(path)
                break
    named = os.environ.get("CHANNELSHIM_TESTS_PYTHONS", "").split(",")
    missing = [name for name in map(str.strip, named) if name and name not in found]
    if missing:
        raise RuntimeError(f"CHANNELSHIM_TESTS_PYTHONS demands {', '.join(missing)}")
    return found


def _answers(path: str) -> bool:
    command = [path, "-c", "import ensurepip, venv"]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def this_python() -> Path:
    """Return the interpreter that .venv was made from."""
    return Path(sys.base_prefix, "bin", f"python3.{sys.version_info[1]}")


def fetch(python: Path, what: str, wheels: Path) -> None:
    """Have pip put the wheels of a requirement, and its own, into a new folder."""
    wheels.mkdir(parents=True)
    command = [sys.executable, "-m", "pip", "--python", str(python), "wheel", "--quiet"]
    constraint = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run(
        [*command, *constraint, "--wheel-dir", str(wheels), what, "pip"],
        check=True,
        cwd=wheels,
        stdin=subprocess.DEVNULL,
    )


def try_commands(commands: Path, place: Place) -> None:
    """See both commands answer, and an app served to a visitor."""
    version = place.wheel.name.split("-")[1]
    shown = place.run(commands / "channelshim", "--version")
    assert shown.startswith(f"channelshim {version}, Python 3."), shown
    shown = place.run(commands / "dev_appserver.py", "--version")
    assert shown.startswith(f"channelshim {version} (dev_appserver.py)"), shown
    place.run(commands / "channelshim", "init", "app")
    data = f"--storage_path={place.folder}/data"
    command = [str(commands / "channelshim"), "serve", "app", data]
    # What is installed, not what stands in the clone.
    variables = {**place.environment, "PYTHONPATH": ""}
    ports = ["--port=0", "--admin_port=0", "--automatic_restart=no"]
    # The chat's page sends its visitor to the login, which answers this machine.
    with (
        running([*command, *ports], place.folder, variables) as server,
        urllib.request.urlopen(server.wait_for_url()) as answer,
    ):
        assert answer.status == 200, answer.status


def try_installer(name: str, place: Place) -> str:
    """Install by pip, pipx or uv, serve an app, and return how long that took."""
    begun = time.monotonic()
    commands = INSTALLERS[name](place)
    installed = time.monotonic()
    try_commands(commands, place)
    served = time.monotonic() - installed
    return f"{name}: installed in {installed - begun:.1f} s, served in {served:.1f} s"


def try_extras(sbom: Path, place: Place) -> str:
    """Install every extra, list what is installed, and have type checkers read it."""
    place.run(TOOLS / "uv", "venv", "--python", place.python, "venv")
    installed = place.folder / "venv" / "bin" / "python"
    here = ("--no-index", "--find-links", place.wheels)
    uv = (TOOLS / "uv", "pip", "install", *here)
    place.run(*uv, "--python", installed, with_extras(place.wheel))
    place.run(installed, "-c", f"import channelshim; {IMPORTS}")
    place.run(
        *(TOOLS / "cyclonedx-py", "environment", "--output-reproducible"),
        *("--pyproject", ROOT / "pyproject.toml", "--mc-type", "application"),
        *("--output-format", "JSON", "--output-file", sbom, installed),
    )
    check_types(place, installed)
    return "every extra can be installed and imported, and type checkers know it"


def with_extras(wheel: Path) -> str:
    """Return the requirement of a wheel's file with every extra."""
    return f"channelshim[{','.join(EXTRAS)}] @ {wheel.as_uri()}"


def check_types(place: Place, installed: Path) -> None:
    """Have pyright and mypy read the sample as a user's editor does.

    An expected error that does not come is an error too.
    """
    folder = place.folder / "editor"
    folder.mkdir()
    sample = folder / "sample.py"
    sample.write_bytes((ROOT / "tests" / "typing" / "editor.py").read_bytes())
    (folder / "pyrightconfig.json").write_text(
        json.dumps(
            {
                "typeCheckingMode": "standard",
                # mypy's marks are not for pyright.
                "enableTypeIgnoreComments": False,
                "reportUnnecessaryTypeIgnoreComment": "error",
            }
        )
    )
    pyright = TOOLS / "basedpyright"
    place.run(pyright, "--project", folder, "--pythonpath", installed)
    # As docs/how-to/install.md says.
    settings = folder / "mypy.ini"
    settings.write_text("[mypy]\n[mypy-google.*]\nfollow_imports = skip\n")
    place.run(
        *(TOOLS / "mypy", "--config-file", settings, "--cache-dir", os.devnull),
        *("--python-executable", installed, "--warn-unused-ignores", sample),
    )


def try_all(wheel: Path, sbom: Path, pythons: Sequence[Path], work: Path) -> list[str]:
    """Try everything, two at a time, and return what failed."""
    own = this_python()

    def fetch_for(python: Path) -> None:
        what = with_extras(wheel) if python.name == own.name else str(wheel)
        fetch(python, what, work / "wheels" / python.name)

    def attempt(python: Path, name: str, action: Callable[[Place], str]) -> str:
        folder = work / f"{python.name}-{name}"
        folder.mkdir()
        try:
            result = action(Place(python, folder, work / "wheels" / python.name, wheel))
        except (AssertionError, OSError, RuntimeError) as error:
            return f"{python.name} {name}: {error}"
        finally:
            shutil.rmtree(folder)
        print(f"{python.name} {result}", flush=True)
        return ""

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(fetch_for, pythons))
        tries = [pool.submit(attempt, own, "extras", partial(try_extras, sbom))]
        for python in pythons:
            for name in INSTALLERS:
                action = partial(try_installer, name)
                tries.append(pool.submit(attempt, python, name, action))
        return [failure for each in tries if (failure := each.result())]


def main() -> int:
    """Try the wheel that the command line names; return the exit status."""
    wheel, sbom = (Path(name).resolve() for name in sys.argv[1:3])
    pythons = [this_python()]
    if sys.argv[3:] == ["all"]:
        pythons = list(find_pythons().values())
    with tempfile.TemporaryDirectory() as work:
        failures = try_all(wheel, sbom, pythons, Path(work))
    print(*failures, sep="\n", end="", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
