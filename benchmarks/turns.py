"""Engines in processes of their own, which take turns."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parent.parent
# Rounds after the first, which warms up.
MOST_ROUNDS = 7
# A call of more seconds than this needs no warming up, and is not repeated.
LONG = 10.0


class Process:
    """A worker on the other side of two pipes."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=ROOT,
        )

    def ask(self, do: str, **arguments: object) -> dict[str, Any]:
        """Send a request and wait for its answer; a process that died answers with an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            print(json.dumps({"do": do, **arguments}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            return {"error": f"the process ended with status {self._process.wait()}"}
        found: dict[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()


def take_turns(
    processes: Sequence[Process], seconds: float, save: Sequence[str]
) -> list[dict[str, Any]]:
    """Run every process once a round, until the time is spent.

    Parameters
    ----------
    processes : sequence of Process
        Loaded. One that fails is left out of the next rounds.
    seconds : float
        After the first round another one starts while less than this was spent; at least one.
    save : sequence of str
        Where each saves its first result; empty for nowhere.

    Returns
    -------
    list of dict
        Of each process ``seconds`` (a list, without the first call unless it was `LONG`),
        ``bytes`` and ``objects``, or ``error``.
    """
    found = [p.ask("run", save=path) for p, path in zip(processes, save, strict=True)]
    times = [[r["seconds"]] if r.get("seconds", 0) > LONG else [] for r in found]
    short = [k for k, answer in enumerate(found) if not times[k] and "error" not in answer]
    start = time.monotonic()
    for turn in range(MOST_ROUNDS):
        if turn and time.monotonic() - start > seconds:
            break
        for k in short:
            if "error" not in found[k]:
                answer = processes[k].ask("run")
                found[k] = {**found[k], **answer}
                times[k].append(answer.get("seconds", 0.0))
    return [
        answer if "error" in answer else {**answer, "seconds": taken}
        for answer, taken in zip(found, times, strict=True)
    ]
