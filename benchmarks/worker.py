"""One engine in a process of its own: reads requests line by line, answers each with a line.

Requests and answers are JSON objects; ``do`` names a function below. What libraries print goes to
standard error, so that the answers stay readable.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import memory
from benchmarks.cases import CASES, QUICK
from benchmarks.dense import dense_seconds
from benchmarks.engines import Call, Engine, predictor, trainer
from benchmarks.machine import describe
from benchmarks.setting import make_setting, read_setting
from napari_maskrcnn.device import choose_device

Answer = dict[str, Any]


class Worker:
    """State between requests: one loaded engine."""

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        self.call: Call | None = None
        self.limit = 0
        self.libraries = memory.peak_bytes()

    def describe(self, device: str) -> Answer:
        """Machine, library versions and the date."""
        return describe(choose_device(device))

    def make(self, case: str, folder: str) -> Answer:
        """Make a case's setting."""
        (found,) = {c for c in (*CASES, *QUICK) if c.name == case}
        make_setting(found, Path(folder))
        return {}

    def load(self, folder: str, package: str, dtype: str, device: str, kind: str) -> Answer:
        """Load an engine for predicting or training."""
        self.limit = memory.limit()
        self.device = choose_device(device)
        make = predictor if kind == "predict" else trainer
        self.call = make(Engine(package, dtype), read_setting(Path(folder)), self.device)
        return {}

    def run(self, save: str = "") -> Answer:
        """Call the engine once; a label image is saved where asked."""
        assert self.call is not None
        start = time.perf_counter()
        labels = self.call()
        seconds = time.perf_counter() - start
        answer: Answer = {"seconds": seconds, "bytes": self._peak()}
        if labels is not None:
            answer["objects"] = len(np.unique(labels[labels > 0]))
            if save:
                np.save(save, labels)
        return answer

    def dense(self) -> Answer:
        """Time the dense arithmetic of a call alone."""
        assert self.call is not None
        return {"seconds": dense_seconds(self.call, self.device)}

    def _peak(self) -> int:
        """Peak memory of the work: on the GPU, or of the process without its libraries."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return memory.peak_bytes() - self.libraries


def answer(worker: Worker, line: str) -> Answer:
    """Do what a line asks; too little memory is an answer, not an end."""
    request = json.loads(line)
    ask: Callable[..., Answer] = getattr(worker, request.pop("do"))
    try:
        return ask(**request)
    except (MemoryError, RuntimeError) as error:
        message = str(error).strip().splitlines() or [type(error).__name__]
        return {"error": message[0], "limit": worker.limit}


def main() -> None:
    """Answer until the requests end."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        print(json.dumps(answer(worker, line)), file=answers, flush=True)


if __name__ == "__main__":
    main()
