"""Bars: in a log file a line a while, an end that is known before it comes, nothing when quiet."""

import io
import sys

import pytest

from wmlib.records import progress
from wmlib.records.progress import Bar, EpisodeBar, be_quiet, tell


@pytest.fixture(autouse=True)
def _speaking():
    """Whatever a test before has asked for."""
    be_quiet(False)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only moves when told: clock[0] += seconds."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    return now


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_file_gets_a_line_every_half_minute_and_the_last(capsys, clock):
    with Bar(total=100, desc="train", unit="update") as bar:
        for _ in range(100):
            clock[0] += 1
            bar.update()
    lines = capsys.readouterr().err.splitlines()
    assert 3 <= len(lines) <= 5
    assert not any("\r" in line for line in lines)
    assert lines[-1].startswith("train: 100/100 updates")


def test_a_terminal_gets_a_bar_that_moves(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bar(total=4, desc="train", mininterval=0) as bar:
        bar.update(4)
    assert "\r" in terminal.getvalue()
    assert "100%|" in terminal.getvalue()


def test_quiet_work_says_nothing(capsys):
    be_quiet(True)
    try:
        with Bar(total=2) as bar:
            bar.update(2)
        tell("hello")
    finally:
        be_quiet(False)
    assert capsys.readouterr().err == ""
    tell("hello")
    assert "hello" in capsys.readouterr().err


def remaining(bar):
    """Seconds to go as the bar tells them."""
    facts = bar.format_dict
    rate = (facts["n"] - facts["initial"]) / facts["elapsed"]
    return (facts["total"] - facts["n"]) / rate


def test_compiling_before_the_first_step_does_not_count(clock):
    with Bar(total=101) as bar:
        clock[0] += 40  # compiles
        bar.update()
        for _ in range(20):
            clock[0] += 1
            bar.update()
        assert remaining(bar) == pytest.approx(80)


def test_episodes_shorter_than_their_cap_are_foreseen_from_those_that_ended(clock):
    """100 episodes of 300 steps, 10 side by side, 1 second a step: 3,000 seconds, cap 2,100."""
    with EpisodeBar("play", 100, 2100) as bar:
        for step in range(1, 601):
            clock[0] += 1
            bar.update(10)
            if step % 300 == 0:
                bar.finish(10)
        assert bar.total == 100 * 300
        assert remaining(bar) == pytest.approx(2400, rel=0.01)


def test_a_resumed_bar_knows_what_the_episodes_before_took():
    with EpisodeBar("play", 10, 1000, ended=5, steps=500) as bar:
        assert bar.total == 1000
        assert bar.n == 500
