"""docs/how-to/deploy.md: its commands, run as they stand there, and what they lead to.

A folder stands for the machine's root. Three programs are stood in for, and only
noted: the package manager, `systemctl`, since no systemd runs in a container, and
`runuser`, which becomes nobody else. What `systemctl` would start is started by the
test, from the files that it would read. pip installs channelshim alone, and finds the
libraries among the tests' own: scripts/wheel installs those too, and half a minute is
enough for that once.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from channelshim.composition.settings import SETTINGS
from tests.authority import Authority
from tests.deploy import fronts
from tests.deploy.making import DOMAIN
from tests.deploy.person import ANN, PASSWORD, Person
from tests.deploy.units import words_of
from tests.lanes import ROOT, find_proxy, timeout_factor
from tests.ports import free_port
from tests.programs import running
from tests.visitor import Visitor

PAGE = ROOT / "docs" / "how-to" / "deploy.md"
APP_ENGINE = ROOT / "docs" / "how-to" / "app-engine-python3.md"

BLOCKS: list[str] = re.findall(
    r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
)

STAND_INS = {
    "apt-get": 'echo "apt-get $*" >>"$NOTES"',
    "systemctl": 'echo "systemctl $*" >>"$NOTES"',
    "runuser": 'echo "runuser $1 $2 $3" >>"$NOTES"; shift 3; exec "$@"',
    "python3": '"$PYTHON" "$@"; echo "$LIBRARIES" >"$3/$PACKAGES/t.pth"',
    "systemd-sysusers": 'exec "$SYSUSERS" --root="$MACHINE" - <"$1"',
    "systemd-tmpfiles": 'exec "$TMPFILES" "$1" --root="$MACHINE" - <"$2"',
    "caddy": 'exec "$CADDY" "$@"',
}
"""Programs of the page to what runs in their place; the last three are themselves."""

OUTSIDE = {"PYTHONPATH": ""}
"""For what runs in the page's environment: nothing of the tests' comes along."""

_PLACE = re.compile(r"(?<![\w.])/(?=(?:etc|opt|srv|var/lib)(?:/|\s))")


@dataclass(frozen=True)
class Machine:
    """What the page's commands have made.

    Attributes:
        root: the folder that stands for the machine's root.
        notes: commands that were noted.
        output: what the others have said.
    """

    root: Path
    notes: list[str]
    output: str


def _program(name: str) -> str:
    found = find_proxy(name)
    assert found is not None
    return found


def _packages() -> str:
    """Return where an environment has its packages."""
    return f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """Run all commands of the page, one after the other."""
    root = tmp_path_factory.mktemp("machine")
    for folder in ("sysusers.d", "tmpfiles.d", "systemd/system", "caddy"):
        (root / "etc" / folder).mkdir(parents=True)
    for folder in ("bin", "opt", "srv"):
        (root / folder).mkdir()
    for name, line in STAND_INS.items():
        (root / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (root / "bin" / name).chmod(0o755)
    script = root / "page.sh"
    commands = _PLACE.sub(f"{root}/", "".join(BLOCKS))
    script.write_text("set -eu\n" + commands.replace("REPOSITORY", str(ROOT)))
    git = shutil.which("git")
    assert git is not None
    done = subprocess.run(
        ["/bin/sh", str(script)],
        input=PASSWORD + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={
            **os.environ,
            "PATH": f"{root}/bin:{Path(git).parent}:/usr/bin:/bin",
            "XDG_DATA_HOME": str(root / "home"),
            "XDG_CONFIG_HOME": str(root / "home"),
            "NOTES": str(root / "notes"),
            "PIP_NO_DEPS": "1",
            "PIP_NO_COMPILE": "1",
            "LIBRARIES": sysconfig.get_path("purelib"),
            "PACKAGES": _packages(),
            "MACHINE": str(root),
            "PYTHON": sys.executable,
            "SYSUSERS": _program("systemd-sysusers"),
            "TMPFILES": _program("systemd-tmpfiles"),
            "CADDY": _program("caddy"),
            # The clone may belong to somebody else than the one who runs the tests.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory",
            "GIT_CONFIG_VALUE_0": "*",
        },
        timeout=240 * timeout_factor(),
    )
    assert done.returncode == 0, done.stdout
    notes = (root / "notes").read_text().splitlines()
    return Machine(root, notes, done.stdout)


@pytest.mark.proxies
def test_page_leads_to_a_login_over_https(machine: Machine, tmp_path: Path) -> None:
    assert machine.notes == [
        "apt-get update",
        "apt-get install --yes git python3-venv caddy",
        "runuser -u chat --",
        "systemctl daemon-reload",
        "systemctl enable --now chat.socket chat.service",
        "systemctl reload caddy",
    ]
    root = machine.root
    unit = (root / "etc/systemd/system/chat.service").read_text()
    # What was made for the account is the server's data.
    unit = unit.replace("=/var/", f"={root}/var/")
    authority = Authority(tmp_path, DOMAIN)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        command = [sys.executable, str(ROOT / "tests" / "activation.py")]
        command += [str(listener.fileno()), *words_of(unit)]
        ports = free_port(), free_port()
        front = fronts.Front(DOMAIN, ports[0], ports[1], authority.client())
        folder = tmp_path / "caddy"
        folder.mkdir()
        text = _caddyfile(root, port, front, authority)
        fds = (listener.fileno(),)
        with running(command, tmp_path, OUTSIDE, pass_fds=fds) as server:
            server.wait_for_url()
            with fronts.running("caddy", text, folder, front):
                _chat(front)


def _caddyfile(root: Path, port: int, front: fronts.Front, own: Authority) -> str:
    """Return the page's file, for ports that are free and without a real authority."""
    text = (root / "etc/caddy/Caddyfile").read_text()
    assert text.count("127.0.0.1:8080") == 1
    text = text.replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    site = f"{DOMAIN} {{\n"
    assert text.count(site) == 1
    text = text.replace(site, f"{site}\ttls {own.certificate} {own.key}\n")
    ports = f"http_port {front.http_port}\n\thttps_port {front.https_port}"
    return f"{{\n\t{ports}\n}}\n{text}"


def _chat(front: fronts.Front) -> None:
    ann = Person(front)
    assert ann.log_in("a wrong one").status == 422
    answer = ann.log_in()
    assert answer.status == 303
    assert "; Secure" in answer.headers["Set-Cookie"]
    with ann.listen() as channel:
        channel.recv(60)
        ann.ask("/chat", "hello")
        assert channel.recv(60) == f"{ANN}: hello"


@pytest.mark.proxies
def test_page_says_what_the_command_says(machine: Machine) -> None:
    said = set(machine.output.splitlines())
    commands = [
        line.replace("/etc/", f"{machine.root}/etc/")
        for line in "".join(BLOCKS[2:]).splitlines()
        if not line.startswith("runuser")
    ]
    shown = {line.replace("/etc/", f"{machine.root}/etc/") for line in said}
    assert [line for line in commands if line not in shown] == []


@pytest.mark.proxies
def test_installed_channelshim_is_the_clones(machine: Machine) -> None:
    python = machine.root / "opt/channelshim/.venv/bin/python"
    program = "import channelshim; print(channelshim.__file__)"
    done = subprocess.run(
        [str(python), "-c", program],
        check=True,
        capture_output=True,
        text=True,
        cwd=machine.root,
        env={"PATH": "/usr/bin:/bin"},
        timeout=60 * timeout_factor(),
    )
    assert done.stdout.startswith(str(machine.root))


def _steps(containerfile: str) -> Iterator[tuple[str, str]]:
    """Return the instructions of a Containerfile."""
    text = "".join(
        line for line in containerfile.splitlines(True) if not line.startswith("#")
    )
    for line in text.replace("\\\n", " ").splitlines():
        if line:
            yield tuple(line.split(" ", 1))  # type: ignore[misc]


@pytest.mark.proxies
def test_steps_of_the_container_make_a_server(machine: Machine, tmp_path: Path) -> None:
    """Run what the image's steps do, in the page's environment: no registry is near."""
    python = machine.root / "opt/channelshim/.venv/bin"
    app, output = machine.root / "srv/chat", tmp_path / "deploy"
    subprocess.run(
        [
            *(str(python / "channelshim"), "deploy", "compose", str(app)),
            *("--domain", DOMAIN, "--output", str(output)),
        ],
        check=True,
        capture_output=True,
        cwd=tmp_path,
        timeout=60 * timeout_factor(),
    )
    steps = list(_steps((output / "Containerfile").read_text()))
    kinds = [kind for kind, _ in steps]
    assert kinds == (
        "FROM RUN WORKDIR COPY RUN WORKDIR USER ENV EXPOSE ENTRYPOINT CMD".split()
    )
    build = tmp_path / "install"
    build.mkdir()
    *names, target = steps[3][1].split()
    assert target == "./"
    for name in names:
        shutil.copy(output / name, build)
    # What the wheel needs is there already.
    command = steps[4][1].replace("pip ", f"{python}/pip ", 1)
    subprocess.run(
        ["/bin/sh", "-c", f"{command} --force-reinstall --no-deps --no-compile"],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=build,
        timeout=240 * timeout_factor(),
    )
    (program,), words = json.loads(steps[9][1]), json.loads(steps[10][1])
    places = {"/app": str(app), "--port=8080": "--port=0"}
    places["--host=0.0.0.0"] = "--host=127.0.0.1"
    words = [places.get(word, word) for word in words]
    words = [word.replace("=/data/", f"={tmp_path}/data/") for word in words]
    with running([str(python / program), *words], tmp_path, OUTSIDE) as server:
        url = server.wait_for_url()
        assert Visitor(url).ask("/_ah/health").status == 200


def test_page_for_app_engine_names_settings_that_there_are() -> None:
    (sample,) = re.findall(
        r"^```python\n(.*?)^```$",
        APP_ENGINE.read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    compile(sample, "main.py", "exec")
    named = set(re.findall(r"^    (\w+)=", sample, re.MULTILINE))
    assert named <= {each.name for each in SETTINGS}
    variables = set(re.findall(r"CHANNELSHIM_(\w+)", APP_ENGINE.read_text("utf-8")))
    assert {each.lower() for each in variables} <= {each.name for each in SETTINGS}
