"""Measure all cases, one after the other, and write the page."""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import huge
from benchmarks.cases import CASES, QUICK, Case, Prediction
from benchmarks.engines import ENGINES
from benchmarks.report import RESULTS, cells, write_page
from benchmarks.turns import Process, take_turns
from napari_maskrcnn.train.metrics import average_precision

# Seconds for the rounds of a case after the first.
BUDGET = 20.0
# Seconds of a call whose dense arithmetic is repeated alone: that takes several times as long.
DENSE_UP_TO = 8.0
SAME_IOU = 0.9


def measure(case: Case, device: str, budget: float) -> dict[str, Any]:
    """Measure a case with every engine in turn.

    Returns
    -------
    dict
        ``case``, ``kind``, the machine, and ``engines``: of each engine's name ``seconds`` (the
        median), ``bytes``, and for predictions ``objects``, ``same`` (AP at IoU 0.9 of its label
        image against that of torchvision in float32) and ``dense``; or its ``error``.
    """
    kind = "predict" if isinstance(case, Prediction) else "train"
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        # All at once: what takes longest is that each imports its libraries.
        processes = [stack.enter_context(Process()) for _ in ENGINES]
        with Process() as maker:
            _check(maker.ask("make", case=case.name, folder=name))
            machine = _check(maker.ask("describe", device=device))
        for process, engine in zip(processes, ENGINES, strict=True):
            where = {"folder": name, "device": device, "kind": kind}
            _check(process.ask("load", package=engine.package, dtype=engine.dtype, **where))
        saved = [folder / f"{engine.name}.npy" for engine in ENGINES]
        paths = [str(path) if kind == "predict" else "" for path in saved]
        found = dict(
            zip((e.name for e in ENGINES), take_turns(processes, budget, paths), strict=True)
        )
        for engine, process, path in zip(ENGINES, processes, saved, strict=True):
            row = found[engine.name]
            if "error" not in row:
                row["seconds"] = statistics.median(row["seconds"])
                short = row["seconds"] < DENSE_UP_TO
                if kind == "predict" and engine.package == "ours" and short:
                    row["dense"] = process.ask("dense").get("seconds")
                if path.is_file() and saved[0].is_file():
                    row["same"] = _same(np.load(saved[0]), np.load(path))
    return {"case": case.name, "kind": kind, **machine, "engines": found}


def _check(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise SystemExit(f"The benchmark cannot run: {answer['error']}")
    return answer


def _same(expected: Any, found: Any) -> float:
    return average_precision(expected, found, (SAME_IOU,))[f"{SAME_IOU:.2f}"]


def devices(name: str) -> list[str]:
    """Devices to measure on: with "auto" the CPU, and a CUDA GPU where there is one."""
    if name != "auto":
        return [name]
    with Process() as process:
        best = process.ask("describe", device="auto")["device"]
    return ["cpu", "cuda"] if best == "cuda" else ["cpu"]


def main() -> None:
    """Measure what is asked for; with all cases measured, write docs/performance.md."""
    parser = argparse.ArgumentParser(description="Measure side by side with torchvision.")
    parser.add_argument("--quick", action="store_true", help="three small cases, printed only")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases with TEXT in their name")
    parser.add_argument("--resume", action="store_true", help="keep the results that are there")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default: auto)")
    parser.add_argument("--seconds", type=float, default=BUDGET, help="rounds of a case")
    args = parser.parse_args()
    if args.only == huge.NAME:
        huge.main()
        return
    cases = [case for case in (QUICK if args.quick else CASES) if args.only in case.name]
    RESULTS.mkdir(exist_ok=True)
    for device in devices(args.device):
        for case in cases:
            path = RESULTS / f"{device}-{case.name}.json"
            if not (args.resume and path.is_file()):
                result = measure(case, device, args.seconds)
                path.write_text(json.dumps(result, indent=1), encoding="utf-8")
            print(*cells(json.loads(path.read_text(encoding="utf-8"))), sep=" | ", flush=True)
    if not args.quick and not args.only:
        write_page()


if __name__ == "__main__":
    main()
