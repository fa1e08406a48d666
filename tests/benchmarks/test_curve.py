"""The points of the learning curve."""

from __future__ import annotations

from benchmarks.curve import points


def test_points_are_medians_by_objects_and_start() -> None:
    rows = [
        {"objects": n, "base": base, "new": score, "old": 1.0}
        for n, base, score in (
            (50, "nuclei", 0.4),
            (25, "nuclei", 0.1),
            (25, "nuclei", 0.3),
            (25, "nuclei", 0.2),
            (25, "none", 0.0),
        )
    ]
    assert points(rows, scratch=False, kind="new") == [(25, 0.2), (50, 0.4)]
    assert points(rows, scratch=True, kind="new") == [(25, 0.0)]
    assert points(rows, scratch=False, kind="old") == [(25, 1.0), (50, 1.0)]
