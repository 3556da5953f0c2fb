"""Influence on random problems against scikit-learn's own refits: an oracle that shares no code."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.groups import group_influence
from skinfluence.perturbation import relabel_influence, replacement_influence
from tests._random_problems import STEP, draw

N_PROBLEMS, AT_ONCE = 300, 25


def answers(problem):
    """Yield (what it is, answer, truth, relative tolerance, absolute tolerance)."""
    e = InfluenceExplainer(problem.estimator)
    door = "sample_weight"
    if isinstance(problem.estimator, Pipeline) and problem.weights is not None:
        door = ["sample_weight", "model__sample_weight"][problem.seed % 2]
    e.fit(problem.X, problem.y, **{door: problem.weights})
    asked = problem.asked
    rows, noise = problem.rows, problem.noise

    def influence(method, rows):
        return e.influence(problem.X_test, **asked, rows=rows, method=method)

    removed = np.stack([problem.without(row) for row in rows], axis=1)
    yield "refit", influence("refit", rows), removed, 1e-6, noise
    if not isinstance(problem.model, LogisticRegression | LinearSVC):
        # rounding in the class weights that follow a row is magnified by its leverage
        relative = 1e-5 if getattr(problem.model, "class_weight", None) == "balanced" else 1e-6
        yield "newton_step", influence("newton_step", rows), removed, relative, noise
    if not isinstance(problem.model, LinearSVC):  # a kink for every row at the margin
        slope = problem.slope(rows[0])[:, None]
        yield "first_order", influence("first_order", rows[:1]), slope, 1e-4, noise / STEP
    asked["method"] = "refit"
    row, other = rows
    edit = problem.seed % 9
    if edit == 0:
        group = np.union1d(rows, [2, 5, 8])
        truth = problem.without(group)[:, None]
        yield "group", group_influence(e, [group], problem.X_test, **asked), truth, 1e-6, noise
    elif edit == 1:
        label = problem.y[other]
        truth = problem.changed(row, label=label)[:, None]
        got = relabel_influence(e, problem.X_test, rows=[row], y_new=label, **asked)
        yield "relabelling", got, truth, 1e-6, noise
    elif edit == 2 and not isinstance(problem.estimator, Pipeline):
        truth = problem.changed(row, z=problem.Z[other])[:, None]
        given = [row], problem.X[[other]], None, problem.X_test
        yield "replacement", replacement_influence(e, *given, **asked), truth, 1e-6, noise


def disagreements(problem):
    """Sentences on what is not as scikit-learn's refits say, whichever start these take."""
    found = dict(disagreements_of(problem))
    if found and isinstance(problem.model, LogisticRegression):
        still = dict(disagreements_of(replace(problem, from_zero=True)))
        found = {what: text for what, text in found.items() if what in still}
    return list(found.values())


def disagreements_of(problem):
    """Yield (what it is, sentence)."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for what, got, truth, relative, absolute in answers(problem):
            told = any(issubclass(w.category, RuntimeWarning) for w in caught)
            size = np.abs(truth).max(axis=0)
            missing = np.isnan(got).all(axis=0)
            agree = np.abs(got - truth).max(axis=0) <= relative * size + absolute
            agree |= missing & told & np.isnan(size)  # the last row of a class
            if not agree.all():
                error = np.abs(got - truth).max(axis=0)
                yield what, f"{what}: off by {error} of {size}, noise {absolute:.0e}; {problem}"


@pytest.mark.filterwarnings("ignore:Feature .* is constant")
@pytest.mark.filterwarnings("ignore:The least populated class")
@pytest.mark.parametrize("first", range(0, N_PROBLEMS, AT_ONCE))
def test_influence_on_random_problems_is_what_scikit_learns_refits_say(first):
    problems = (draw(seed) for seed in range(first, first + AT_ONCE))
    found = [text for problem in problems for text in disagreements(problem)]
    assert not found, "\n".join(found)
