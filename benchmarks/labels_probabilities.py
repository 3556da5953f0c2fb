"""Are the probabilities right, and the standard errors? Gaussian classes, where the truth is known.

Run alone: ``python -m benchmarks labels_probabilities``.
"""

from itertools import product

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from benchmarks._figures import Figure, line_style
from benchmarks._labels_data import make_wrong
from benchmarks._processes import Child
from benchmarks._tables import Table
from benchmarks.peers import cleanlab
from skinfluence import LabelFlagger

INTRODUCTION = (
    "Two to four Gaussian classes of five columns, so far apart that the best classifier is right "
    "for 90 or 98 % of the rows, and labels made wrong: do `label_quality_`, `noise_matrix_` and "
    "`noise_rate_` say how many are wrong, with an error that is as large as it says? cleanlab on "
    "5-fold cross-validated logistic regression, which is the right model here."
)
CLASSES, SIZES, RATES = (2, 3, 4), (400, 1_000, 2_000), (0.05, 0.1, 0.2, 0.3, 0.4)
KINDS, RIGHT = ("symmetric", "asymmetric"), (0.9, 0.98)
#: Of two classes one alone has wrong labels: with more than this most of its labels were wrong.
MOST = 0.2
#: Edges of the bins of the reliability curve.
BINS = np.linspace(0.0, 1.0, 11)


def run(quick=False):
    """A table of all runs, one of kinds of them, and the reliability curve."""
    chosen = ((2,), (400,), (0.2,)) if quick else (CLASSES, SIZES, RATES)
    names = ["classes", "n", "rate", "kind", "right"]
    found, bins = [], {}
    with Child("benchmarks.labels_probabilities", threads=1) as child:
        for seed, values in enumerate(product(*chosen, KINDS, RIGHT)):
            key = dict(zip(names, values, strict=True)) | {"seed": seed}
            if key["classes"] == 2 and key["kind"] == "asymmetric" and key["rate"] > MOST:
                continue
            for one in child.ask(**key):
                bins[one["way"]] = bins.get(one["way"], 0) + np.array(one.pop("bins"))
                found.append(key | one)
            print(f"  {key}: expected / wrong {found[-len(bins)]['expected']:.2f}", flush=True)
    found = pd.DataFrame(found)
    ours = found[found.way == next(iter(WAYS))]
    parts = [
        (f"{name} {value:g}" if name != "kind" else value, part)
        for name in ("kind", "rate", "classes", "n", "right")
        for value, part in ours.groupby(name, sort=False)
    ]
    return [
        _table("Probabilities and standard errors", list(found.groupby("way", sort=False)), NOTES),
        _table("The same of `LabelFlagger()`, by kind of run", parts),
        _figure(bins),
    ]


NOTES = (
    "'Expected': sum(1 - `label_quality_`) over the number of wrong labels, its mean and spread "
    "over runs, and the share of runs in which it is between 0.8 and 1.2. cleanlab's label quality "
    "is the cross-validated probability of the given label. The last row is the limit: Bayes' rule "
    "with the distributions and the noise matrix that the data were drawn from.",
    "'Entries' and 'runs': entries of `noise_matrix_` within two `noise_matrix_std_` of the matrix "
    "that the labels were drawn from, and runs in which nine tenths of the entries are: of two or "
    "three classes all of them. Normal errors with exactly the estimated covariances would give "
    "95 % of the entries and 81 % of the runs. 'Matrix': runs in which the matrix as a whole is, "
    "the root of the sum of squares of its errors against that of its standard errors. 'Rate': "
    "runs whose `noise_rate_` is within two `noise_rate_std_` of the share that is wrong.",
    f"One-sided noise of two classes up to {MOST:.0%}: beyond it most of a class was wrong.",
)


def _table(title, parts, notes=()):
    def percent(values):
        return "-" if values.isna().all() else f"{100 * values.mean():.0f} %"

    lines = [
        [
            str(name),
            str(len(part)),
            f"{part.expected.mean():.2f} ± {part.expected.std():.2f}",
            percent((abs(part.expected - 1) <= 0.2).astype(float)),
            *(percent(part[value]) for value in ("entries", "whole", "matrix", "share")),
            f"{part.f1.mean():.3f}",
            f"{part.flagged.mean():.2f}",
        ]
        for name, part in parts
    ]
    columns = ["expected / wrong", "within 20 %", "entries within 2 std"]
    columns += ["runs with 90 % of entries", "matrix within 2 std", "rate within 2 std"]
    columns += ["F1 of the flags"]
    return Table(title, ["", "runs", *columns, "flagged / wrong"], lines, list(notes))


def _figure(bins):
    def draw(canvas):
        axes = canvas.subplots()
        axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8)
        for i, (name, (count, said, right)) in enumerate(bins.items()):
            kept = count >= 30
            axes.plot((said / count)[kept], (right / count)[kept], label=name, **line_style(i))
        axes.set(xlabel="probability that the label is right", ylabel="share of right labels")
        axes.legend()

    title = (
        "Reliability: rows of all runs in ten bins by the probability that their label is right."
    )
    return Figure("labels_reliability", title, draw, (5.5, 4.5))


def gaussian_classes(n, classes, right, rng):
    """(X, y, centres): five columns; the best classifier is right for about this share of the rows.

    The centres are the corners of a regular simplex, whose scale is set on a large sample.
    """
    codes = rng.integers(0, classes, 20_000)
    noise, corners = rng.normal(size=(20_000, 5)), np.eye(classes, 5)
    low, high = 0.5, 12.0
    for _ in range(25):
        scale = (low + high) / 2
        nearest = ((noise + scale * corners[codes]) @ corners.T).argmax(axis=1)
        low, high = (scale, high) if (nearest == codes).mean() < right else (low, scale)
    y = codes[:n]
    return noise[:n] + scale * corners[y], y, scale * corners


def best_quality(X, given, centres, matrix):
    """(quality, flags, None) by Bayes' rule from the distributions that the data are drawn from."""
    joint = np.exp(-cdist(X, centres, "sqeuclidean") / 2) * matrix[:, given].T
    posterior = joint / joint.sum(axis=1, keepdims=True)
    return posterior[np.arange(len(X)), given], posterior.argmax(axis=1) != given, None


def handle(request):
    """What each way says of one table's labels, beside what is true."""
    n, classes, rate, kind, seed = (request[k] for k in ("n", "classes", "rate", "kind", "seed"))
    X, y, centres = gaussian_classes(n, classes, request["right"], np.random.default_rng(seed))
    given, wrong = make_wrong(X, y, kind, rate, seed)
    true, found = _matrix(y, classes, rate, kind), []
    best = best_quality(X, given, centres, true)
    for name, way in {**WAYS, "distributions and matrix known": lambda *_: best}.items():
        quality, flagged, flagger = way(X, given)
        right = [np.ones(n), quality, (~wrong).astype(float)]
        one = {
            "way": name,
            "expected": float((1 - quality).sum() / wrong.sum()),
            "flagged": float(flagged.sum() / wrong.sum()),
            "f1": float(2 * (flagged & wrong).sum() / (flagged.sum() + wrong.sum())),
            "bins": [np.histogram(quality, BINS, weights=w)[0].tolist() for w in right],
        }
        if flagger is not None:
            errors, std = flagger.noise_matrix_ - true, flagger.noise_matrix_std_
            near = abs(errors) <= 2 * std
            one["entries"], one["whole"] = float(near.mean()), float(near.mean() >= 0.9)
            one["matrix"] = float(np.linalg.norm(errors) <= 2 * np.linalg.norm(std))
            gap = abs(flagger.noise_rate_ - wrong.mean())
            one["share"] = float(gap <= 2 * flagger.noise_rate_std_)
        found.append(one)
    return found


def _ours(X, y, estimator=None):
    flagger = LabelFlagger(estimator, random_state=0).fit(X, y)
    return flagger.label_quality_, flagger.flagged_, flagger


def _ours_logistic(X, y):
    return _ours(X, y, LogisticRegression())


def _cleanlab(X, y):
    proba = cross_val_predict(LogisticRegression(), X, y, cv=5, method="predict_proba")
    _, flagged = cleanlab.label_issues(y, proba)
    return proba[np.arange(len(y)), y], flagged, None


WAYS = {
    "skinfluence, as it comes": _ours,
    "skinfluence, logistic": _ours_logistic,
    "cleanlab, logistic": _cleanlab,
}


def _matrix(y, classes, rate, kind):
    """What `make_wrong` draws from: the probability of each given label (column) of each class."""
    if kind == "symmetric":
        return np.full((classes, classes), rate / (classes - 1)) + (
            1 - rate - rate / (classes - 1)
        ) * np.eye(classes)
    shares = np.full(classes, rate)
    if classes == 2:
        counts = np.bincount(y)
        shares = np.where(np.arange(2) == counts.argmax(), rate * len(y) / counts.max(), 0.0)
    return np.diag(1 - shares) + np.roll(np.diag(shares), 1, axis=1)
