"""From a fitted logistic regression to the full influence matrix, beside other packages.

Run alone: ``python -m benchmarks influence_matrix``.
"""

from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks._cases import CASES
from benchmarks._measure import in_turns
from benchmarks._processes import Child
from benchmarks._reference import exact_influence, refitted_influence
from benchmarks._tables import Table, ratio, seconds
from benchmarks._ways import BASE, WAYS

INTRODUCTION = (
    "Each package runs in a process of its own and starts from the fitted scikit-learn estimator. "
    "Rounds alternate between them; times are medians after a warm-up. Ratios are of processor "
    "time, to numpy by hand. Memory is the growth of the resident set during the first call beyond "
    "the influence matrix itself, in units of that matrix. The error is the largest difference "
    "from what the package claims to compute, by the plainest numpy, relative to the largest "
    "influence: first order or the Newton step, at the estimator's coefficients or at the optimum, "
    "with the intercept penalised where the package cannot leave it free (pyDVL, captum). The last "
    "two columns compare with what really happens when a row is deleted and the model converges "
    "again."
)
COLUMNS = [
    "package",
    "wall s",
    "CPU s",
    "CPU ratio",
    "extra memory",
    "error",
    "correlation with refits",
    "difference from refits",
]
#: Rows that are really refitted for the last two columns: the strongest and a sample.
REFITTED = 60


def installed_ways():
    """The ways whose package is there; says which are skipped."""
    found = []
    for way in WAYS.values():
        if find_spec(way.needs) is None:
            print(f"skipped: {way.label} ({way.needs} is not installed)", flush=True)
        else:
            found.append(way)
    return found


def run(quick=False):
    """Time every case with one thread and with two; the tables."""
    ways = installed_ways()
    tables = []
    for name, make in CASES.items():
        case = make(2_000, 50) if quick and name == "synthetic" else make()
        with TemporaryDirectory() as folder:
            folder = Path(folder)
            case.save(folder / "case.pickle")
            for threads, rounds in ((1, 1),) if quick else ((1, 5), (2, 3)):
                print(f"{case.title}, {threads} thread(s)", flush=True)
                measured = _measure(ways, case, folder, threads, rounds)
                if threads == 1:
                    with threadpool_limits(1):
                        agreement = _agreement(ways, case, folder)
                tables.append(_table(ways, case, threads, measured, agreement))
    return tables


def _measure(ways, case, folder, threads, rounds):
    """{way: {"wall", "cpu", "peak"}} with all processes alive and taking turns."""
    measured = {}
    with ExitStack() as stack:
        children = {}
        for way in ways:
            child = stack.enter_context(Child("benchmarks._matrix_child", threads))
            path = str(folder / "case.pickle")
            child.ask(do="prepare", way=way.name, case=path, threads=threads)
            peak = child.ask(do="warm_up", answer=str(folder / f"{way.name}.npy"))
            measured[way.name] = {"peak": peak / case.output_bytes - 1.0}
            children[way.name] = child
        asked = {name: partial(child.ask, do="time") for name, child in children.items()}
        for name, times in in_turns(asked, rounds).items():
            for kind in ("wall", "cpu"):
                measured[name][kind] = median(t[kind] for t in times)
    return measured


def _agreement(ways, case, folder):
    """{way: [difference from its own formula, correlation with refits, difference from refits]}."""
    n = len(case.X)
    first = exact_influence(case, "first_order", polished=True)
    strongest = np.argsort(-np.abs(first).max(axis=0))[: REFITTED // 2]
    spread = np.random.default_rng(0).choice(n, REFITTED // 2, replace=False)
    rows = np.union1d(strongest, spread)
    refitted = refitted_influence(case, rows)
    found, exact, key = {}, None, None
    for way in sorted(ways, key=_exact_answer):  # so that one reference exists at a time
        if key != _exact_answer(way):
            key = _exact_answer(way)
            formula, polished, intercept = key
            exact = exact_influence(case, formula, polished=polished, intercept_penalised=intercept)
        answer = np.load(folder / f"{way.name}.npy")
        found[way.name] = [
            f"{_difference(answer, exact):.0e}",
            f"{np.corrcoef(answer[:, rows].ravel(), refitted.ravel())[0, 1]:.7f}",
            f"{_difference(answer[:, rows], refitted):.1e}",
        ]
    return found


def _exact_answer(way):
    return way.formula, way.polished, way.intercept_penalised


def _difference(found, expected):
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _table(ways, case, threads, measured, agreement):
    base = measured[BASE]["cpu"]
    rows = []
    for way in ways:
        mine = measured[way.name]
        rows.append(
            [
                way.label,
                seconds(mine["wall"]),
                seconds(mine["cpu"]),
                ratio(mine["cpu"] / base),
                f"{mine['peak']:.2f}",
                *agreement[way.name],
            ]
        )
        print("  " + " | ".join(rows[-1]), flush=True)
    title = f"{case.title}; {threads} thread{'s' if threads > 1 else ''}"
    return Table(title, COLUMNS, rows, _notes(ways, measured))


def _notes(ways, measured):
    """The least time there is, and how much longer the other packages take than two of ours."""
    peers = [way for way in ways if way.needs not in ("numpy", "skinfluence")]
    least = measured["two_products"]["cpu"] / measured[BASE]["cpu"]
    notes = [
        f"{WAYS['two_products'].label.capitalize()} (the Gram matrix of the rows and the influence "
        f"matrix), take {least:.2f} of the processor time of numpy by hand: no way by a factorised "
        "Hessian can take less."
    ]
    for ours in ("first_order", "newton_step_polished"):
        times = [
            f"{way.needs} {measured[way.name]['cpu'] / measured[ours]['cpu']:.1f}" for way in peers
        ]
        if times:
            notes.append(f"Processor time in units of {WAYS[ours].label}: {', '.join(times)}.")
    return notes
