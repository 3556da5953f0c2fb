"""Training rows that change: other labels, other rows, moved features; predicted and refitted.

Run alone: ``python -m benchmarks relabelling``.
"""

from functools import partial
from statistics import median

from benchmarks._measure import in_turns
from benchmarks._processes import Child
from benchmarks._relabelling_child import MODELS
from benchmarks._tables import Table, ratio

INTRODUCTION = (
    "Logistic regression on scaled columns, fitted to three quarters of breast cancer (426 rows) "
    "or of digits (1,347 rows, ten classes); the losses of the other quarter are explained. "
    "Concordance is Lin's, over all pairs of a test row and a change, and of the mean loss over "
    "the changes: 1 where every prediction is the truth. The truth are refits by "
    '``method="refit"``; a sample of them is compared with refits of the scikit-learn estimator '
    "(newton-cholesky, tol=1e-10). Processor time on one thread, from the factorised Hessian."
)
METHODS = {
    "first_order": "first order",
    "one_step": "one Newton step of length 1",
    "newton_step": "Newton steps",
}
#: (data, C, every which row): all labels of breast cancer, some hundred of digits.
LABELS = [
    *(("breast cancer", C, 1) for C in (0.01, 0.1, 1.0, 10.0)),
    *(("digits", C, 45) for C in (0.001, 0.01, 0.1, 1.0)),
]
ROUNDS = 5


def run(quick=False):
    """Four tables: labels, their times, whole rows, derivatives."""
    labels, times, rows, slopes = [], [], [], []
    for data, C, step in LABELS[::3] if quick else LABELS:
        with Child("benchmarks._relabelling_child", threads=1) as child:
            child.ask(do="prepare", data=data, C=C)
            _relabel(child, data, C, step, labels, times)
            if C == 1.0 or quick:
                rows.append(_replaced(child, data, C, step // 4 + 1))
    for model in list(MODELS)[:2] if quick else MODELS:
        with Child("benchmarks._relabelling_child", threads=1) as child:
            slopes.append(_derivatives(child, model, 1 if quick else ROUNDS))
    return [_labels_table(labels), _times_table(times), _rows_table(rows), _slopes_table(slopes)]


def _relabel(child, data, C, step, labels, times):
    made = child.ask(do="relabel", step=step)
    theirs = child.ask(do="scikit_learn", step=step, sample=8)
    head = [data, f"{C:g}", f"{made['labels']:,}"]
    labels.append(
        [
            *head,
            *(f"{made['pairs'][m]:.4f}" for m in METHODS),
            *(f"{made['means'][m]:.4f}" for m in METHODS),
        ]
    )
    spent = made["seconds"]
    times.append(
        [
            *head,
            *(f"{1e3 * spent[m]:.3g}" for m in ("first_order", "newton_step", "refit")),
            f"{1e3 * theirs['seconds']:.3g}",
            ratio(theirs["seconds"] / spent["newton_step"]),
            ratio(theirs["seconds"] / spent["refit"]),
            f"{theirs['agreement']:.0e}",
        ]
    )
    print("  " + " | ".join([*labels[-1], *times[-1][3:]]), flush=True)


def _replaced(child, data, C, step):
    made = child.ask(do="replace", step=step)
    row = [
        data,
        f"{made['rows']:,}",
        f"{made['pairs']['first_order']:.4f}",
        f"{made['pairs']['newton_step']:.4f}",
        ratio(made["scikit_learn"] / made["seconds"]["newton_step"]),
        ratio(made["scikit_learn"] / made["seconds"]["refit"]),
        f"{made['agreement']:.0e}",
    ]
    print("  " + " | ".join(row), flush=True)
    return row


def _derivatives(child, model, rounds):
    size = child.ask(do="prepare", data="", model=model)
    checked = child.ask(do="derivatives", n_rows=3, n_features=6)
    hand = "logistic" in model or "multinomial" in model
    ways = ("ours", "by_hand") if hand else ("ours",)
    times = in_turns({way: partial(child.ask, do=way) for way in ways}, rounds)
    spent = {way: median(answer["cpu"] for answer in found) for way, found in times.items()}
    entries = size["n"] * size["n_test"] * size["columns"]
    differences = checked["seconds"] * size["n"] * size["columns"]
    row = [
        f"{model} ({MODELS[model][0]})",
        f"{entries / 1e6:.1f} million",
        f"{checked['error']:.0e}",
        f"{checked['pairs']}",
        f"{1e3 * spent['ours']:.3g}",
        ratio(spent["by_hand"] / spent["ours"]) if hand else "",
        f"{times['by_hand'][-1]['agreement']:.0e}" if hand else "",
        f"{differences / spent['ours']:,.0f}",
    ]
    print("  " + " | ".join(row), flush=True)
    return row


def _labels_table(rows):
    columns = ["data", "C", "other labels", *METHODS.values()]
    columns += [f"{name}, mean loss" for name in METHODS.values()]
    notes = [
        "Every row gets every other label, in a change of its own (of digits every 45th row).",
        "A row that is predicted with confidence has no curvature, and gets some on the way to "
        "another label: from where it stands, neither its influence nor a single step tells how "
        "far the model will go. `relabel_influence` takes steps of the best length, each conjugate "
        "to those before, until one is 0.5 % of the first (twelve at most).",
    ]
    return Table("Predicted and refitted effects of other labels", columns, rows, notes)


def _times_table(rows):
    columns = [
        "data",
        "C",
        "other labels",
        "first order, ms a label",
        "Newton steps, ms a label",
        "our refit, ms a label",
        "scikit-learn's refit, ms",
        "Newton steps: times faster",
        "our refit: times faster",
        "largest difference of our refit",
    ]
    notes = [
        "The effects on all test rows are part of the times of ours. The difference is relative to "
        "the largest effect, over eight labels.",
    ]
    return Table("What other labels cost", columns, rows, notes)


def _rows_table(rows):
    columns = [
        "data",
        "replaced rows",
        "first order",
        "Newton steps",
        "Newton steps: times faster than scikit-learn",
        "our refit: times faster",
        "largest difference of our refit",
    ]
    notes = ["Each row becomes another training row, drawn at random, with its label (C = 1)."]
    return Table("Whole rows replaced: concordance with refits", columns, rows, notes)


def _slopes_table(rows):
    columns = [
        "model",
        "derivatives",
        "largest error",
        "compared",
        "ours, ms",
        "numpy by hand / ours",
        "difference from it",
        "differences of refits / ours",
    ]
    notes = [
        "Every feature of every training row, for every test row. The error is against "
        "fourth-order differences of refits of the estimator with the feature moved, relative to "
        "the largest derivative over the test rows, for some of the most influential rows. The "
        "last column is the time of four refits for every feature of every row, scaled up.",
    ]
    return Table("Derivatives of the loss in the features of training rows", columns, rows, notes)
