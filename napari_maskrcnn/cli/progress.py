"""The bar that follows a job, on a terminal only: on standard error, and gone when the job ends."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.jobs import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_shown: list[RichProgress] = []


class Bar:
    """A bar with the share, the step and the time left; the callable that a job reports to.

    Where standard error is no terminal (a file, a pipe, a scheduler's log) it stays silent.

    Parameters
    ----------
    subject : object
        What is worked on, at the left.
    """

    def __init__(self, subject: object) -> None:
        self.subject = str(subject)
        self._rich: RichProgress | None = None
        self._task: Any = None

    def __enter__(self) -> Bar:
        """Show the bar."""
        if sys.stderr.isatty():
            self._rich = _rich_progress()
            self._task = self._rich.add_task(self.subject, total=None, message="")
            self._rich.start()
            _shown.append(self._rich)
        return self

    def __call__(self, step: Progress) -> None:
        """Show one step."""
        if self._rich is not None:
            self._rich.update(
                self._task,
                description=self.subject,
                total=step.total or None,
                completed=step.done,
                message=step.message,
            )

    def __exit__(self, *exception: object) -> None:
        """Take the bar away."""
        if self._rich is not None:
            _shown.remove(self._rich)
            self._rich.stop()
            self._rich = None


@contextmanager
def aside() -> Iterator[None]:
    """Take the bar away while something else is written to the terminal."""
    for bar in _shown:
        bar.stop()
    try:
        yield
    finally:
        for bar in _shown:
            bar.start()


def _rich_progress() -> RichProgress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeftColumn
    from rich.table import Column

    # File names and messages may hold brackets, which are no markup; long ones are cut.
    narrow = Column(no_wrap=True, overflow="ellipsis", ratio=1)
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=narrow),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[message]}", markup=False, table_column=narrow),
        TimeLeftColumn(compact=True),
        console=Console(file=sys.stderr),
        transient=True,
        expand=True,
        # What is said meanwhile goes to its own stream, not through the bar's.
        redirect_stdout=False,
        redirect_stderr=False,
    )
