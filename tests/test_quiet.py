"""A speed is written only where nobody else computed meanwhile."""

import subprocess
import sys
import time

import pytest
import quiet
from quiet import QuietMachine

SPIN = "import time; end = time.time() + 30\nwhile time.time() < end: pass"


@pytest.fixture
def clocks(monkeypatch):
    """A machine of four cores whose clocks are set by hand: [now, busy, own] seconds."""
    now = [100.0, 50.0, 10.0]
    monkeypatch.setattr(quiet.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(quiet, "busy_seconds", lambda: now[1])
    monkeypatch.setattr(quiet, "own_seconds", lambda: now[2])
    monkeypatch.setattr(quiet.os, "cpu_count", lambda: 4)
    monkeypatch.setattr(quiet.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return now


def test_ones_own_work_is_no_disturbance(clocks):
    machine = QuietMachine()
    clocks[:] = clocks[0] + 10, clocks[1] + 40, clocks[2] + 39
    assert machine.others() == pytest.approx(0.025)


def test_work_of_others_meanwhile_ends_the_program(clocks):
    machine = QuietMachine()
    clocks[:] = clocks[0] + 10, clocks[1] + 20, clocks[2] + 10
    with pytest.raises(SystemExit, match="25% of this machine"):
        machine.others()


def test_where_the_machine_does_not_tell_its_load_counts(clocks, monkeypatch):
    monkeypatch.setattr(quiet, "busy_seconds", lambda: None)
    monkeypatch.setattr(quiet.os, "getloadavg", lambda: (3.0, 0, 0))
    with pytest.raises(SystemExit, match="50%"):
        QuietMachine()
    monkeypatch.setattr(quiet.os, "getloadavg", lambda: (0.5, 0, 0))
    assert QuietMachine().others() == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc/stat")
def test_a_process_beside_us_is_seen(monkeypatch):
    monkeypatch.setattr(quiet, "LOOK", 1.0)
    other = subprocess.Popen([sys.executable, "-c", SPIN])
    try:
        time.sleep(0.3)
        with pytest.raises(SystemExit, match="other processes take"):
            QuietMachine(limit=0.3 / (quiet.os.cpu_count() or 1))
    finally:
        other.kill()
        other.wait()
