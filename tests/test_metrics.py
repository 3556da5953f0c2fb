"""Scorers against the estimators' own refits, and inside searches."""

import io
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
from joblib import Memory
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skinfluence import InfluenceExplainer
from skinfluence._utils import progress
from skinfluence.explainer import _fidelity
from skinfluence.metrics import _agreement as agreement
from skinfluence.metrics import (
    group_concordance,
    linear_datamodeling_score,
    loo_concordance,
    mislabel_detection_score,
)
from skinfluence.testing import tightened

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
y = (X[:, 0] + rng.normal(size=90) > 0).astype(int)
three = np.digitize(X[:, 0] + 0.7 * rng.normal(size=90), [-0.5, 0.5])
values = X[:, 0] + rng.normal(size=90)
X_test, y_test, three_test, values_test = X[60:], y[60:], three[60:], values[60:]
X, y, three, values = X[:60], y[:60], three[:60], values[:60]
weights = rng.uniform(0.5, 2.0, size=60)
SCORERS = [loo_concordance, linear_datamodeling_score, group_concordance]

CASES = [
    (Ridge(), values, values_test),
    (LogisticRegression(), y, y_test),
    (LogisticRegression(class_weight="balanced"), y, y_test),
    (LogisticRegression(), three, three_test),
]
NAMES = ["ridge", "logistic", "balanced", "multinomial"]


def losses(model, X, y):
    """Of each row, from what the estimator itself predicts."""
    if isinstance(model, Ridge):
        return (y - model.predict(X)) ** 2 / 2
    return -model.predict_log_proba(X)[np.arange(len(y)), np.searchsorted(model.classes_, y)]


def refitted(model, target, target_test, removed, sample_weight):
    """Change of the test losses without the rows, by fitting the estimator itself."""
    kept = np.delete(np.arange(60), removed)
    whole = tightened(model).fit(X, target, sample_weight=sample_weight)
    part = tightened(model).fit(X[kept], target[kept], sample_weight=sample_weight[kept])
    return losses(part, X_test, target_test) - losses(whole, X_test, target_test)


def captured(monkeypatch):
    """The groups that a scorer draws."""
    seen = []

    def spy(explainer, X, y, draw, *rest):
        def drawn(objective):
            seen.append(draw(objective))
            return seen[-1]

        return _fidelity.group_changes(explainer, X, y, drawn, *rest)

    monkeypatch.setattr(agreement, "group_changes", spy)
    return seen


def explained(model, target, **settings):
    return InfluenceExplainer(model, **settings).fit(X, target, sample_weight=weights)


@pytest.mark.parametrize(("model", "target", "target_test"), CASES, ids=NAMES)
def test_the_datamodeling_score_is_spearmans_with_the_estimators_own_fits_on_halves(
    monkeypatch, model, target, target_test
):
    groups = captured(monkeypatch)
    explainer = explained(model, target)
    got = linear_datamodeling_score(explainer, X_test, target_test, n_subsets=8)
    influence = explainer.influence(X_test, target_test)
    predicted = np.stack([influence[:, g].sum(axis=1) for g in groups[0]], axis=1)
    actual = np.stack([refitted(model, target, target_test, g, weights) for g in groups[0]], axis=1)
    want = np.mean([spearmanr(p, a).statistic for p, a in zip(predicted, actual, strict=True)])
    assert [len(g) for g in groups[0]] == [30] * 8
    assert got == pytest.approx(want, abs=1e-12)
    assert 0.3 < got < 1


@pytest.mark.parametrize(("model", "target", "target_test"), CASES, ids=NAMES)
def test_the_group_concordance_is_lins_with_the_estimators_own_fits(
    monkeypatch, model, target, target_test
):
    groups = captured(monkeypatch)
    explainer = explained(model, target)
    got = group_concordance(explainer, X_test, target_test, n_groups=8)
    influence = explainer.influence(X_test, target_test).mean(axis=0)
    predicted = [influence[g].sum() for g in groups[0]]
    actual = [refitted(model, target, target_test, g, weights).mean() for g in groups[0]]
    assert [len(g) for g in groups[0]] == [1, 3, 5, 7, 9, 11, 13, 15]
    assert got == pytest.approx(_fidelity.lins_concordance(predicted, actual), abs=1e-7)
    assert 0.2 < got < 0.999


def test_groups_of_ones_own_are_removed_together():
    explainer = explained(Ridge(), values)
    names = np.array(["north", "south", "west"])[np.arange(60) % 3]
    got = group_concordance(explainer, X_test, values_test, groups=names)
    influence = explainer.influence(X_test, values_test).mean(axis=0)
    rows = [np.flatnonzero(names == name) for name in ("north", "south", "west")]
    predicted = [influence[g].sum() for g in rows]
    actual = [refitted(Ridge(), values, values_test, g, weights).mean() for g in rows]
    assert got == pytest.approx(_fidelity.lins_concordance(predicted, actual), abs=1e-10)


@pytest.mark.parametrize("kind", ["numbers", "strings"])
def test_labels_with_gaps_make_the_groups_of_group_influence(kind):
    explainer = explained(Ridge(), values)
    labels = np.where(np.arange(60) % 4 == 3, np.nan, np.arange(60) % 4)
    if kind == "strings":
        labels = np.array([None if np.isnan(k) else "abc"[int(k)] for k in labels], dtype=object)
    got = group_concordance(explainer, X_test, values_test, groups=labels, method="newton_step")
    assert got == pytest.approx(1.0, abs=1e-12)


def test_groups_by_the_newton_step_are_exact_for_squared_error():
    explainer = explained(Ridge(), values)
    got = group_concordance(explainer, X_test, values_test, n_groups=8, method="newton_step")
    assert got == pytest.approx(1.0, abs=1e-12)


def test_groups_as_a_whole_are_told_better_than_by_sums():
    explainer = explained(LogisticRegression(), y)
    methods = ("first_order", "second_order", "newton_step")
    first, second, newton = (
        group_concordance(explainer, X_test, y_test, method=m) for m in methods
    )
    assert first < min(second, newton)
    assert newton > 0.95


def test_groups_of_one_row_are_the_rows_of_the_default_score():
    explainer = InfluenceExplainer(LogisticRegression()).fit(X[:30], y[:30])
    each = group_concordance(explainer, X_test, y_test, groups=np.arange(30))
    # with 32 rows or fewer the default score compares all of them
    assert each == pytest.approx(explainer.score(X_test, y_test), rel=1e-9)


def test_loo_concordance_is_the_explainers_score():
    explainer = explained(LogisticRegression(), y)
    assert loo_concordance(explainer, X_test, y_test) == explainer.score(X_test, y_test)
    fewer = loo_concordance(explainer, X_test, y_test, n_rows=4)
    assert fewer != explainer.score(X_test, y_test)


def test_rows_of_weight_zero_are_in_no_group(monkeypatch):
    groups = captured(monkeypatch)
    none = np.where(np.arange(60) < 20, 0.0, weights)
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y, sample_weight=none)
    linear_datamodeling_score(explainer, X_test, y_test, n_subsets=4)
    assert [len(g) for g in groups[0]] == [20] * 4
    assert min(g.min() for g in groups[0]) >= 20


def test_every_class_stays_in_every_subset(monkeypatch):
    groups = captured(monkeypatch)
    rare = np.where(np.arange(60) == 7, 1, 0)
    rare[[11, 12]] = 1
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, rare)
    score = linear_datamodeling_score(explainer, X_test, y_test)
    assert np.isfinite(score)
    assert all(rare[np.delete(np.arange(60), g)].any() for g in groups[0])


def test_a_class_that_no_subset_can_keep_is_told():
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, np.arange(60) % 20)
    with pytest.raises(ValueError, match="20 classes among them in 1000 draws"):
        linear_datamodeling_score(explainer, X_test, y_test, fraction=0.1)


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_score_does_not_depend_on_threads_or_blocks(scorer):
    alone = scorer(explained(LogisticRegression(), y), X_test, y_test)
    threads = scorer(explained(LogisticRegression(), y, n_jobs=2), X_test, y_test)
    with sklearn.config_context(working_memory=1e-4):
        small = scorer(explained(LogisticRegression(), y), X_test, y_test)
    assert threads == alone
    assert small == pytest.approx(alone, rel=1e-9)


@pytest.mark.parametrize("scorer", SCORERS[1:])
def test_an_int_seeds_the_draw_and_the_global_state_is_left_alone(scorer):
    explainer = explained(LogisticRegression(), y)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    seeded = [scorer(explainer, X_test, y_test, random_state=s) for s in (0, 0, 1)]
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert seeded[0] == seeded[1] != seeded[2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("scorer", SCORERS[1:])
def test_refits_show_a_progress_bar_to_those_who_asked(scorer, monkeypatch):
    monkeypatch.setattr(progress, "DELAY", 0.0)
    for verbose in (0, 1):
        monkeypatch.setattr(sys, "stderr", Terminal())
        scorer(InfluenceExplainer(verbose=verbose).fit(X, y), X_test, y_test)
        assert ("refits" in sys.stderr.getvalue()) == bool(verbose)


@pytest.mark.parametrize("scorer", SCORERS[1:])
def test_refits_are_shared_by_the_candidates_of_a_search(scorer, tmp_path, monkeypatch):
    calls = []

    def counted(objective, edits, X, y, mean=False, n_jobs=None, verbose=0, width=None):
        calls.append(edits.n_edits)
        return refit(objective, edits, X, y)

    refit = _fidelity.refitted_changes
    monkeypatch.setattr(_fidelity, "refitted_changes", counted)
    explainer = InfluenceExplainer(LogisticRegression(), memory=Memory(tmp_path, verbose=0))
    grid = {"damping": [0.0, 0.1, 1.0], "method": ["first_order", "newton_step"], "n_jobs": [1, 2]}
    GridSearchCV(explainer, grid, scoring=scorer, cv=3, refit=False).fit(X, y)
    assert calls == [32, 32, 32]  # one a fold


@pytest.mark.parametrize("scorer", SCORERS)
def test_a_search_by_any_fidelity_prefers_no_damping_to_much(scorer):
    grid = {"damping": [0.0, 30.0]}
    search = GridSearchCV(InfluenceExplainer(LogisticRegression()), grid, scoring=scorer, cv=3)
    assert search.fit(X, y).best_params_ == {"damping": 0.0}
    assert np.ptp(search.cv_results_["mean_test_score"]) > 0.003


def test_settings_go_into_a_search_by_partial():
    scorer = partial(linear_datamodeling_score, n_subsets=4, random_state=1)
    folds = list(StratifiedKFold(3).split(X, y))
    search = GridSearchCV(InfluenceExplainer(), {"damping": [0.0]}, scoring=scorer, cv=folds)
    scores = search.fit(X, y).cv_results_["split0_test_score"]
    train, test = folds[0]
    explainer = InfluenceExplainer().fit(X[train], y[train])
    assert scores[0] == scorer(explainer, X[test], y[test])


def test_refits_without_an_optimum_give_nan():
    # without these rows the classes are separable, and there is no penalty
    easy = np.arange(20.0)[:, None]
    labels = (easy[:, 0] > 9).astype(int)
    labels[[3, 15]] = 1, 0
    explainer = InfluenceExplainer(LogisticRegression(C=np.inf, tol=1e-8)).fit(easy, labels)
    groups = np.where(np.isin(np.arange(20), [3, 15]), 1, 0)
    groups[[0, 19]] = 2
    groups[[1, 18]] = 3
    groups[groups == 0] = np.r_[np.full(7, 4), np.full(7, 5)]
    with pytest.warns(ConvergenceWarning, match="refits did not reach an optimum"):
        assert np.isnan(group_concordance(explainer, easy, labels, groups=groups))


@pytest.mark.parametrize("scorer", SCORERS)
def test_only_fitted_explainers_are_scored(scorer):
    with pytest.raises(TypeError, match="is LogisticRegression; expected an InfluenceExplainer"):
        scorer(LogisticRegression().fit(X, y), X_test, y_test)
    with pytest.raises(NotFittedError):
        scorer(InfluenceExplainer(), X_test, y_test)


@pytest.mark.parametrize("scorer", SCORERS)
def test_missing_values_and_unknown_labels_are_refused(scorer):
    explainer = explained(LogisticRegression(), y)
    with pytest.raises(ValueError, match="NaN"):
        scorer(explainer, np.where(X_test > 2, np.nan, X_test), y_test)
    with pytest.raises(ValueError, match="not trained on"):
        scorer(explainer, X_test, y_test + 5)


@pytest.mark.parametrize(
    ("scorer", "settings", "message"),
    [
        (loo_concordance, {"n_rows": 1}, "n_rows=1. Expected a whole number"),
        (linear_datamodeling_score, {"n_subsets": 2.5}, "n_subsets=2.5"),
        (
            linear_datamodeling_score,
            {"fraction": 1.0},
            "fraction=1.0. Expected a finite number > 0",
        ),
        (group_concordance, {"n_groups": True}, "n_groups=True"),
        (group_concordance, {"method": "refit"}, "method='refit' is not known. Expected one of"),
        (group_concordance, {"fraction": "half"}, "fraction='half'"),
        (group_concordance, {"groups": [1, 2]}, r"groups has shape \(2,\); expected \(60,\)"),
        (
            group_concordance,
            {"groups": np.ones(60)},
            r"1 group\(s\) of rows; expected at least two",
        ),
    ],
)
def test_settings_that_mean_nothing_are_refused(scorer, settings, message):
    with pytest.raises(ValueError, match=message):
        scorer(explained(LogisticRegression(), y), X_test, y_test, **settings)


def test_constant_predictions_have_no_rank_correlation():
    got = _fidelity.rank_correlations(
        np.array([[1.0, 1, 1], [3, 1, 2]]), np.array([[1.0, 2, 3]] * 2)
    )
    np.testing.assert_allclose(got, [0.0, -0.5])


class ByLoss(BaseEstimator):
    """A flagger in its simplest form: the training loss of each label, blurred on request."""

    def __init__(self, C=1.0):
        self.C = C

    def fit(self, X, y):
        model = LogisticRegression(C=self.C).fit(X, y)
        self.scores_ = losses(model, np.asarray(X), np.asarray(y))
        return self


wrong = np.zeros(60, dtype=bool)
wrong[::9] = True


def test_detection_is_average_precision_and_the_share_in_the_first_tenth():
    flagger = ByLoss().fit(X, np.where(wrong, 1 - y, y))
    both = mislabel_detection_score(flagger, X, y, wrong=wrong, metric="both")
    first = np.argsort(-flagger.scores_)[:6]
    assert both == {
        "average_precision": average_precision_score(wrong, flagger.scores_),
        "found": wrong[first].sum() / 7,
    }
    for name, value in both.items():
        assert mislabel_detection_score(flagger, X, y, wrong=wrong, metric=name) == value
    more = mislabel_detection_score(flagger, X, y, wrong=wrong, metric="found", inspected=0.99)
    assert more >= both["found"]


def test_a_search_by_known_errors_looks_at_the_training_rows():
    everything = [(np.arange(60), np.arange(60))]
    scorer = partial(mislabel_detection_score, wrong=wrong, metric="both")
    given = np.where(wrong, 1 - y, y)
    search = GridSearchCV(
        ByLoss(), {"C": [1e-4, 1.0]}, scoring=scorer, cv=everything, refit="average_precision"
    ).fit(X, given)
    assert search.best_params_ == {"C": 1.0}
    direct = mislabel_detection_score(ByLoss().fit(X, given), X, given, wrong=wrong)
    assert search.best_score_ == direct


def test_without_known_errors_a_search_plants_some():
    search = GridSearchCV(ByLoss(), {"C": [1e-6, 1.0]}, scoring=mislabel_detection_score, cv=2)
    search.fit(X, y)
    assert search.best_score_ > 0.2
    assert (
        search.best_score_
        == GridSearchCV(ByLoss(), {"C": [1.0]}, scoring=mislabel_detection_score, cv=2)
        .fit(X, y)
        .best_score_
    )


def test_planting_leaves_the_fitted_flagger_alone():
    flagger = ByLoss().fit(X, y)
    before = flagger.scores_.copy()
    scores = [mislabel_detection_score(flagger, X, y, random_state=s) for s in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]
    np.testing.assert_array_equal(flagger.scores_, before)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"wrong": np.zeros(60, dtype=bool)}, "0 of 60 labels are wrong"),
        ({"wrong": np.zeros(60)}, "expected a boolean mask"),
        ({"wrong": wrong[:30]}, r"expected a boolean mask of shape \(60,\)"),
        ({"metric": "auc"}, "metric='auc' is not known"),
        ({"inspected": 0}, "inspected=0. Expected a finite number > 0 and < 1"),
        ({"fraction": 2}, "fraction=2. Expected a finite number > 0 and < 1"),
    ],
)
def test_wrong_questions_about_detection_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        mislabel_detection_score(ByLoss().fit(X, y), X, y, **settings)


def test_the_mask_belongs_to_the_rows_of_the_fit():
    with pytest.raises(ValueError, match="fitted to 60 rows and X has 30"):
        mislabel_detection_score(ByLoss().fit(X, y), X_test, y_test, wrong=wrong[:30])


def test_a_flagger_without_scores_is_refused():
    with pytest.raises(TypeError, match="SimpleNamespace has no scores_"):
        mislabel_detection_score(SimpleNamespace(), X, y, wrong=wrong)
