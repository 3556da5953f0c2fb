"""Wrong labels: who finds them, at what price, and what it is good for; cleanlab beside.

Run alone: ``python -m benchmarks labels``; most tables are of the larger data sets (see
_real_data.py).
"""

from benchmarks import (
    _labels_detection,
    _labels_rate,
    _labels_real,
    _labels_repair,
    _labels_same,
    _labels_size,
    _labels_values,
)

INTRODUCTION = (
    "Labels are made wrong where they are known to be right, or are known to be wrong: how early "
    "does each way look at them? 'As it comes' is `LabelFlagger()`. 'Logistic' is logistic "
    "regression with C = 1 on scaled columns; ExtraTrees and HistGradientBoosting are "
    "scikit-learn's, as they come. cleanlab judges 5-fold cross-validated probabilities of these; "
    "its rows of find_label_issues come first, in the order of their self-confidence. Average "
    "precision is the area under precision and recall of the order in which labels are looked at; "
    "1 is perfect, and the share of wrong labels is what a random order has. 'Asymmetric' noise "
    "confuses in one direction: each class with the next, and of two classes the larger with the "
    "other. 'Boundary' and 'hard' noise are those of `flip_hard_labels`, which goes by nearest "
    "neighbours."
)


def run(quick=False):
    """All tables, in the order of the page."""
    parts = (
        _labels_detection,
        _labels_rate,
        _labels_same,
        _labels_real,
        _labels_values,
        _labels_repair,
        _labels_size,
    )
    return [item for part in parts for item in part.run(quick)]
