"""scripts/system-libraries.sh on pretended machines: stubs stand for the system's own commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "system-libraries.sh"
ALL_LIBRARIES = (
    "libEGL.so.1 libGL.so.1 libOpenGL.so.0 libGLX_mesa.so.0 libglib-2.0.so.0 libfontconfig.so.1 "
    "libdbus-1.so.3 libxkbcommon-x11.so.0 libX11-xcb.so.1 libxcb-cursor.so.0 libxcb-icccm.so.4 "
    "libxcb-keysyms.so.1 libxcb-shape.so.0"
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the script is for a POSIX shell")


class Machine:
    """A folder of stub commands that the script sees as the whole system."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "calls.txt"
        self.stub("uname", "echo Linux")
        self.stub("ldconfig", f"for name in {ALL_LIBRARIES}; do echo $name; done")
        self.stub("id", "echo 1000")

    def stub(self, name: str, body: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(SCRIPT), *arguments],
            env={"PATH": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_complete_machine_is_left_alone_in_silence(machine: Machine) -> None:
    done = machine.run()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_system_needs_nothing(machine: Machine) -> None:
    machine.stub("uname", "echo Darwin")
    machine.stub("ldconfig", "exit 1")
    assert machine.run("--virtual-screen").returncode == 0


def test_without_rights_the_exact_command_is_printed(machine: Machine) -> None:
    machine.stub("ldconfig", "echo libEGL.so.1")
    machine.stub("apt-get", f"echo $@ >> {machine.log}")
    done = machine.run()
    assert done.returncode == 1
    assert (
        "sudo apt-get update && sudo apt-get install -y --no-install-recommends libgl1"
        in done.stderr
    )
    assert "libegl1" not in done.stderr
    assert not machine.log.exists()


def test_root_installs_what_is_missing(machine: Machine) -> None:
    machine.stub("id", "echo 0")
    machine.stub("apt-get", f"echo $@ >> {machine.log}")
    done = machine.run("--virtual-screen")
    assert done.returncode == 0
    assert machine.log.read_text(encoding="utf-8").splitlines() == [
        "update -qq",
        "install -y --no-install-recommends xvfb xauth",
    ]


def test_sudo_is_used_only_where_it_does_not_ask(machine: Machine) -> None:
    machine.stub("apt-get", f"echo $@ >> {machine.log}")
    machine.stub("sudo", "exit 1")
    assert machine.run("--virtual-screen").returncode == 1
    assert not machine.log.exists()
    machine.stub("sudo", '[ "$1" = -n ] && shift; "$@"')
    machine.stub("true", "exit 0")
    assert machine.run("--virtual-screen").returncode == 0
    assert "install -y --no-install-recommends xvfb xauth" in machine.log.read_text(
        encoding="utf-8"
    )


def test_without_apt_the_missing_libraries_are_named(machine: Machine) -> None:
    machine.stub("ldconfig", "echo libEGL.so.1 libGL.so.1")
    done = machine.run()
    assert done.returncode == 1
    assert "libxcb-cursor.so.0" in done.stderr
    assert "libEGL.so.1" not in done.stderr
