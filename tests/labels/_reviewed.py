"""Rows with wrong labels and values that a person is asked about, and flaggers that ask."""

import pickle

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import LabelFlagger
from skinfluence.datasets import flip_labels

X, truth = load_breast_cancer(return_X_y=True)
X_test, y_test = X[300:], truth[300:]
X, truth = X[:300, :], truth[:300]
given, wrong = flip_labels(truth, 0.15, random_state=0)
model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
table, values = load_diabetes(return_X_y=True)
rng = np.random.default_rng(0)
values = values + 0.3
typed = values + np.where(rng.uniform(size=len(values)) < 0.1, 250 * rng.normal(size=442), 0)

FLAGGERS = {
    "own": LabelFlagger(),
    "given": LabelFlagger(model),
    "linear": LabelFlagger(representation="linear"),
    "rbf": LabelFlagger(representation="rbf"),
}


def copied(flagger):
    return pickle.loads(pickle.dumps(flagger))
