"""Rows of breast cancer of which a tenth has a wrong label, and what compares flaggers of them."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence.datasets import flip_labels

X, clean = load_breast_cancer(return_X_y=True)
X, clean = X[:300], clean[:300]
y, flipped = flip_labels(clean, 0.1, random_state=0)
logistic = make_pipeline(StandardScaler(), LogisticRegression())
ROW_ATTRIBUTES = (
    "scores_", "label_quality_", "flagged_", "ranking_", "suggested_", "loo_proba_", "row_weight_",
)  # fmt: skip


def same(a, b, names=ROW_ATTRIBUTES):
    for name in names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
