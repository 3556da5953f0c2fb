"""Rows with wrong labels and values, flaggers that are told of them, a classifier that cleans."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from skinfluence import CleanedClassifier
from skinfluence.datasets import flip_labels
from tests.labels._known import Known

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 3))
truth = (X[:, 0] + X[:, 1] > 0).astype(int)
y, flipped = flip_labels(truth, 0.1, random_state=0)
clean_values = X @ [1.0, 2.0, 0.5] + 0.1 * rng.normal(size=150)
values = clean_values + np.where(np.arange(150) % 15 == 0, 5.0, 0.0)
weight = rng.uniform(0.5, 2.0, size=150)
quality = rng.uniform(size=150)
WRONG = np.flatnonzero(flipped)
LEFT = np.flatnonzero(~flipped)
known = Known(WRONG, truth, quality)
told = Known(np.arange(0, 150, 15), clean_values, quality, regression=True)


def proba(model):
    return model.predict_proba(X)


def classifier(action="reweight", **settings):
    return CleanedClassifier(LogisticRegression(), known, action=action, **settings)
