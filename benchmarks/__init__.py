"""Measurements side by side with torchvision: the same weights, the same images, one run.

    python -m benchmarks             all cases, then the table and the plot of docs/performance.md
    python -m benchmarks --quick     three small cases in two minutes, printed only
    python -m benchmarks.report      the page again, from the results that are there
    python -m benchmarks.gradients   seconds of every weight gradient of a training step
    python -m benchmarks.ceiling     what box and mask coding cost, on true labels of your own

A case runs with every engine in a process of its own, so that each has its own peak of memory; the
processes take turns, so that a busy moment of the machine falls on all of them.
"""
