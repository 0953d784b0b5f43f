"""`evenload up` as people run it: real processes, a real NATS server, killed and ended in every way."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evenload.runtime.ports import free_port

pytestmark = pytest.mark.integration

SITE = """\
site: home
grid: {breaker_a: 25}
meters:
  p1: {role: grid, driver: homewizard, host: "127.0.0.1:1"}
loads:
  wallbox: {type: evse, station: CP001, max_a: 16}
"""
SERVICES = ("meter_ingest", "plug_control", "ocpp_gateway", "allocator", "planner")


def until(what: str, condition: Callable[[], Any], within_s: float = 20.0) -> Any:
    """Return the first true value of `condition`; fails after `within_s`."""
    end_s = time.monotonic() + within_s
    while time.monotonic() < end_s:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s: {what}")


def command_lines() -> dict[int, str]:
    """Return every living process's command line by process id."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                text = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if state != "Z":
                found[int(folder.name)] = text
    return found


class Up:
    """A running `evenload up`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.site_file, self.data = folder, folder / "home.yaml", folder / "data"
        self.site_file.write_text(SITE)
        self.log = (folder / "up.log").open("w+b")
        self.process = self._start()
        until("up tells where it is", lambda: (self.data / "up.json").exists() or self.process.poll() is not None)

    def _start(self) -> "subprocess.Popen[bytes]":
        options = ["--port", str(free_port()), "--ocpp-port", str(free_port()), "--data-dir", str(self.data)]
        command = [sys.executable, "-m", "evenload.cli", "up", str(self.site_file), *options]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log, start_new_session=True)

    def said(self, text: str) -> bool:
        """Tell whether the log has this."""
        return text in (self.folder / "up.log").read_text(errors="replace")

    def children(self) -> dict[int, str]:
        """Return the processes that belong to this data folder, but for `up` itself."""
        return {
            pid: text
            for pid, text in command_lines().items()
            if pid != self.process.pid and (str(self.data) in text or self._is_child(pid))
        }

    def _is_child(self, pid: int) -> bool:
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"EVENLOAD_DATA_DIR={self.data}".encode() in environment

    def service(self, name: str) -> int | None:
        """Return the process id of a service."""
        return next((pid for pid, text in self.children().items() if f"services.{name}" in text), None)

    def evenload(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run another command against it."""
        command = [sys.executable, "-m", "evenload.cli", *arguments, "--data-dir", str(self.data)]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    def end(self) -> None:
        """End it and all that is left."""
        for pid in (self.process.pid, *self.children()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()
        self.log.close()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    """Start an `evenload up` that the test may end."""
    yield from started(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Start one `evenload up` for the tests that leave it running."""
    yield from started(tmp_path_factory.mktemp("shared"))


def started(folder: Path) -> Iterator[Up]:
    """Start `evenload up` and wait until all services run."""
    found = Up(folder)
    try:
        until("all services run", lambda: all(found.service(name) for name in SERVICES))
        yield found
    finally:
        found.end()


def ready(up: Up, name: str) -> bool:
    """Tell whether the service said that it is ready."""
    return up.said(f'"evenload.{name}", "text": "ready"')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_everything_ends_when_asked(up: Up, number: int) -> None:
    until("the allocator is ready", lambda: ready(up, "allocator"))
    children = up.children()
    assert any("nats-server" in text for text in children.values())
    up.process.send_signal(number)
    assert up.process.wait(timeout=10) == 0
    assert not set(children) & set(command_lines())
    assert not (up.data / "up.json").exists()


def test_children_end_when_up_is_killed(up: Up) -> None:
    children = up.children()
    up.process.kill()
    until("all children are gone", lambda: not set(children) & set(command_lines()), within_s=10.0)


@pytest.mark.parametrize("name", ["allocator", "meter_ingest"])
def test_a_killed_service_is_started_again(shared: Up, name: str) -> None:
    before = shared.service(name)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    until(f"{name} runs again", lambda: shared.service(name) not in (None, before))
    assert shared.said(f"{name} ended (signal 9)")


def test_a_second_up_in_the_same_folder_is_refused(shared: Up) -> None:
    second = shared.evenload("up", str(shared.site_file))
    assert second.returncode == 1
    assert "evenload runs already in" in second.stderr


def test_commands_find_it_and_answer(shared: Up) -> None:
    until("the allocator is ready", lambda: ready(shared, "allocator"))
    until("the site is decided", lambda: "wallbox" in shared.evenload("status").stdout)
    shown = json.loads(shared.evenload("status", "--json").stdout)
    assert shown["sites"]["home"]["decision"]["loads"][0]["setpoint_a"] == 0
    assert shared.evenload("site", "diff", str(shared.site_file)).stdout == "equal\n"
    assert shared.evenload("site", "show", "home").stdout == SITE


def test_a_changed_file_takes_force_and_a_bad_one_does_not(shared: Up) -> None:
    shared.site_file.write_text(SITE.replace("max_a: 16", "max_a: 12"))
    until("revision 2", lambda: shared.said("site home: revision 2 in force"))
    shared.site_file.write_text(SITE.replace("max_a: 16", "max_a: 1600"))
    until("refusal", lambda: shared.said("the last good version stays in force"))
    assert shared.said("home.yaml:6: loads.wallbox.max_a")
    assert "max_a: 12" in shared.evenload("site", "show", "home").stdout


def test_a_station_gets_a_password_once(shared: Up) -> None:
    added = shared.evenload("station", "add", "CP001")
    assert added.returncode == 0, added.stderr
    password = added.stdout.partition("(AuthorizationKey)")[2].split()[0]
    assert len(password) == 40
    assert "/CP001" in added.stdout
    again = shared.evenload("station", "add", "CP001")
    assert again.returncode == 1
    assert "--new-password" in again.stderr
    listed = shared.evenload("station", "show", "CP001").stdout
    assert json.loads(listed)["credential"] == "set"


def test_a_mode_is_set_by_hand_and_cleared(shared: Up) -> None:
    until("the allocator is ready", lambda: ready(shared, "allocator"))
    done = until(
        "answer", lambda: (found := shared.evenload("set", "wallbox", "mode", "off")).returncode == 0 and found
    )
    assert "off" in done.stdout
    until("by hand is shown", lambda: "by hand" in shared.evenload("status").stdout)
    assert shared.evenload("set", "wallbox", "clear").returncode == 0
    unknown = shared.evenload("set", "walbox", "mode", "off")
    assert unknown.returncode == 1
    assert "did you mean wallbox?" in unknown.stderr
    assert shared.evenload("set", "wallbox", "mode", "sun").returncode == 2


def test_home_assistant_is_served_as_soon_as_the_file_wants_it(up: Up) -> None:
    assert up.service("home_assistant") is None
    up.site_file.write_text(f"{SITE}mqtt: {{broker: 'mqtt://127.0.0.1:{free_port()}', discovery: true}}\n")
    until("its service is ready", lambda: ready(up, "home_assistant"))


def test_a_removed_site_is_managed_no_longer(up: Up) -> None:
    assert up.evenload("site", "remove", "home").returncode == 0
    assert "no site is in force" in up.evenload("site", "show").stdout


def test_a_bad_file_starts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(SITE.replace("max_a: 16", "max_a: 1600"))
    command = [sys.executable, "-m", "evenload.cli", "up", str(path), "--data-dir", str(tmp_path / "data")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert result.returncode == 1
    assert "home.yaml:6: loads.wallbox.max_a" in result.stderr
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "home.yaml"
    path.write_text(SITE)
    command = [sys.executable, "-m", "evenload.cli", "up", str(path), "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen([sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"]) as holder:
        try:
            port = until("somebody listens", lambda: _listening(holder.pid))
            result = subprocess.run([*command, "--ocpp-port", str(port), "--port", str(free_port())],
                                    capture_output=True, text=True, timeout=30, check=False)  # fmt: skip
        finally:
            holder.kill()
    assert result.returncode == 1
    assert f"port {port} for chargers (OCPP) is taken" in result.stderr


def _listening(pid: int) -> int | None:
    """Return the port that a process of this machine listens on."""
    sockets = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        columns = line.split()
        if columns[3] == "0A" and f"socket:[{columns[9]}]" in sockets:
            return int(columns[1].split(":")[1], 16)
    return None
