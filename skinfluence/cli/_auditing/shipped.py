"""Table for an audit without a file: known data with labels that are changed on purpose."""

import numpy as np
from sklearn.datasets import load_breast_cancer

from skinfluence.cli._files.table import Table
from skinfluence.cli._layout import paragraph
from skinfluence.datasets import flip_labels

TARGET = "diagnosis"


def noisy_table():
    """The breast cancer data of scikit-learn with 5 % of the labels changed, and which rows."""
    data = load_breast_cancer()
    labels, changed = flip_labels(data.target, 0.05, random_state=0)
    columns = {
        str(name): tuple(map(repr, column.tolist()))
        for name, column in zip(data.feature_names, data.data.T, strict=True)
    }
    columns[TARGET] = tuple(data.target_names[labels].tolist())
    note = (
        f"{changed.sum()} of {len(labels)} labels were changed on purpose before the audit. With a "
        "file of your own: skinfluence audit data.csv --target label."
    )
    return Table("breast cancer, Wisconsin", columns, len(labels), notes=[note]), changed


def check(audit, changed):
    """Sentence on how many of the changed labels were flagged."""
    rows = [suspect.row for suspect in audit.suspects]
    hits = int(np.sum(changed[rows]))
    return paragraph(
        f"Of the {changed.sum()} labels that were changed on purpose {hits} are flagged, among "
        f"{len(rows)} flagged labels; of the first {min(20, len(rows))} flagged, "
        f"{int(np.sum(changed[rows[:20]]))} were changed."
    )
