"""Results to the tables and the plot of docs/performance.md.

python -m benchmarks.report
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.cases import CASES
from benchmarks.chart import dot_plot

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results"
PAGE = ROOT / "docs" / "performance.md"
PLOT = ROOT / "docs" / "images" / "performance.svg"
BEGIN, END = "<!-- benchmark: written by make benchmark -->", "<!-- benchmark: end -->"
TV32, OURS32 = "torchvision float32", "ours float32"
TV16, OURS16 = "torchvision bfloat16", "ours bfloat16"
ORDER = (TV32, TV16, OURS32, OURS16)
GIGABYTE = 1e9
SHARED = ("torchvision float32", "torchvision bf16", "ours float32", "ours bf16")
RATIOS = ("float32 / float32", "bf16 / float32", "bf16 / bf16")
MEMORY = ("Memory, torchvision", "ours")
DENSE = ("Over dense, float32", "bf16", "Same objects")
HEADS = {
    "predict": ("Image", "Objects", *SHARED, *RATIOS, *MEMORY, *DENSE),
    "train": ("Network and images", "Objects", *SHARED, *RATIOS, *MEMORY),
}
Result = dict[str, Any]


def cells(result: Result) -> list[str]:
    """Return the row of a result, as text, in the columns of `HEADS`."""
    engines = result["engines"]
    what, objects = title(result["case"])
    row = [what, objects, *(_seconds(engines[name]) for name in ORDER)]
    row += [
        _ratio(engines[theirs], engines[mine], "seconds")
        for theirs, mine in ((TV32, OURS32), (TV32, OURS16), (TV16, OURS16))
    ]
    row += [_gigabytes(engines[TV32]), _gigabytes(engines[OURS16])]
    if result["kind"] == "predict":
        row += [_over_dense(engines[name]) for name in (OURS32, OURS16)]
        same = engines[OURS32].get("same")
        row.append("" if same is None else f"{100 * same:.1f} %")
    return row


def title(case: str) -> tuple[str, str]:
    """Words for a case's name: what is read, and how many objects are in it."""
    kind, *middle, objects = case.split("-")
    if kind == "predict":
        return f"{middle[0]}²", objects
    side, batch = middle[1].split("x")
    network = middle[0].replace("resnet", "ResNet-").replace("resnext", "ResNeXt-")
    return f"{network}, {batch} × {side}²", objects


def _seconds(engine: Result) -> str:
    if "error" in engine:
        return "out of memory" if "memory" in engine["error"] else "failed"
    return f"{engine['seconds']:.2f} s"


def _ratio(theirs: Result, mine: Result, key: str) -> str:
    if key not in theirs or not mine.get(key):
        return ""
    return f"{theirs[key] / mine[key]:.1f} ×"


def _gigabytes(engine: Result) -> str:
    if "error" in engine:
        limit = engine.get("limit", 0) / GIGABYTE
        return f"over {limit:.0f} GB" if limit else ""
    return f"{engine['bytes'] / GIGABYTE:.2f} GB"


def _over_dense(engine: Result) -> str:
    dense = engine.get("dense")
    return f"{engine['seconds'] / dense:.2f}" if dense and "seconds" in engine else ""


def read_results() -> list[Result]:
    """Return all results that are there, in the order of the cases, the CPU's first."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for device in ("cpu", "cuda")
        for case in CASES
        if (path := RESULTS / f"{device}-{case.name}.json").is_file()
    ]


def markdown(results: Sequence[Result]) -> str:
    """Return the tables of all devices, each with its machine and date, and the plot."""
    parts = []
    for device in dict.fromkeys(result["device"] for result in results):
        here = [result for result in results if result["device"] == device]
        last = max(here, key=lambda result: result["date"])
        parts.append(f"Measured on {last['date']}: {last['machine']}. {last['versions']}.")
        for kind, head in HEADS.items():
            rows = [cells(result) for result in here if result["kind"] == kind]
            if rows:
                parts.append(_table(head, rows))
    plot = "![Seconds of each engine in each case](images/performance.svg)"
    return "\n\n".join([*parts, plot])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace_block(page: str, block: str) -> str:
    """Return a page with the text between the two marks replaced."""
    if page.count(BEGIN) != 1 or page.count(END) != 1:
        raise ValueError(f"The page needs the marks {BEGIN!r} and {END!r}, once each.")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{block}\n\n{END}{rest.partition(END)[2]}"


def plot(results: Sequence[Result]) -> str:
    """Return the SVG of all results: a row a case, a dot an engine."""
    rows = []
    for result in results:
        what, objects = title(result["case"])
        name = f"{what}, {objects} objects" + (" (GPU)" if result["device"] == "cuda" else "")
        seconds = [result["engines"][engine].get("seconds") for engine in ORDER]
        rows.append((name, seconds))
    return dot_plot(rows, ORDER, "seconds")


def write_page() -> None:
    """Write the tables and the plot where the documentation shows them."""
    results = read_results()
    if not results:
        raise SystemExit("There are no results yet: run `make benchmark` first.")
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replace_block(page, markdown(results)), encoding="utf-8")
    PLOT.write_text(plot(results), encoding="utf-8")
    print(f"{PAGE} and {PLOT} show {len(results)} results.")


if __name__ == "__main__":
    write_page()
