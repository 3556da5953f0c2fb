"""LabelFlagger: what it finds, what its attributes mean, what its parameters do."""

import pickle

import numpy as np
import pytest
import sklearn
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.fixes import parse_version

from skinfluence import InfluenceExplainer, LabelFlagger
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.datasets import flip_labels

X, clean = load_breast_cancer(return_X_y=True)
X, clean = X[:300], clean[:300]
y, flipped = flip_labels(clean, 0.1, random_state=0)
logistic = make_pipeline(StandardScaler(), LogisticRegression())
ROW_ATTRIBUTES = (
    "scores_", "label_quality_", "flagged_", "ranking_", "suggested_", "loo_proba_", "row_weight_",
)  # fmt: skip


def global_state():
    return pickle.dumps(np.random.mtrand._rand.get_state())


def same(a, b, names=ROW_ATTRIBUTES):
    for name in names:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.fixture(scope="module")
def flagger():
    return LabelFlagger().fit(X, y)


@pytest.fixture(scope="module")
def explained():
    return LabelFlagger(logistic).fit(X, y)


@pytest.fixture(scope="module")
def values():
    table, target = load_diabetes(return_X_y=True)
    rng = np.random.RandomState(0)
    wrong = rng.permutation(len(target))[:30]
    noisy = target.copy()
    noisy[wrong] += rng.choice([-1, 1], size=30) * 400.0
    is_wrong = np.zeros(len(target), dtype=bool)
    is_wrong[wrong] = True
    return table, target, noisy, is_wrong


@pytest.mark.parametrize(
    "estimator",
    [
        None,
        logistic,
        make_pipeline(StandardScaler(), RidgeClassifier()),
        make_pipeline(StandardScaler(), LinearSVC(random_state=0)),
        ExtraTreesClassifier(30),
    ],
    ids=["none", "logistic", "ridge", "svc", "trees"],
)
def test_flipped_labels_are_found_and_set_right(estimator):
    found = LabelFlagger(estimator).fit(X, y)
    assert average_precision_score(flipped, found.scores_) > 0.8
    assert flipped[found.flagged_].mean() > 0.6
    assert found.flagged_[flipped].mean() > 0.6
    both = flipped & found.flagged_
    np.testing.assert_array_equal(found.suggested_[both], clean[both])
    assert 0.05 < found.contamination_ < 0.15


def test_wrong_values_are_found_and_suggestions_are_nearer(values):
    table, target, noisy, wrong = values
    for estimator in (None, Ridge(0.1)):
        found = LabelFlagger(estimator).fit(table, noisy)
        assert average_precision_score(wrong, found.scores_) > 0.9
        near = np.abs(found.suggested_ - target)[wrong]
        assert (near < np.abs(noisy - target)[wrong]).mean() > 0.95
        np.testing.assert_array_equal(found.suggested_, found.loo_prediction_)
        assert not hasattr(found, "classes_") and not hasattr(found, "loo_proba_")


def test_shapes_and_meaning_of_the_attributes(flagger):
    n = len(y)
    assert flagger.loo_proba_.shape == (n, 2)
    np.testing.assert_allclose(flagger.loo_proba_.sum(axis=1), 1.0)
    np.testing.assert_array_equal(flagger.scores_, 1.0 - flagger.label_quality_)
    assert (flagger.label_quality_ >= 0).all() and (flagger.label_quality_ <= 1).all()
    np.testing.assert_array_equal(np.sort(flagger.ranking_), np.arange(n))
    assert (np.diff(flagger.scores_[flagger.ranking_]) <= 0).all()
    np.testing.assert_allclose(flagger.noise_matrix_.sum(axis=1), 1.0)
    assert flagger.noise_matrix_std_.shape == (2, 2)
    assert flagger.flagged_.dtype == bool
    assert (flagger.suggested_[flagger.flagged_] != y[flagger.flagged_]).all()
    assert flagger.contamination_ == pytest.approx(flagger.flagged_.mean())
    np.testing.assert_array_equal(flagger.classes_, [0, 1])
    assert flagger.score_ == "leave_one_out"


def test_flagged_rows_are_the_top_of_the_ranking(flagger):
    count = flagger.flagged_.sum()
    assert flagger.flagged_[flagger.ranking_[:count]].all()


def test_leave_one_out_probabilities_are_those_of_the_explainer():
    plain = LabelFlagger(logistic, noise_model=False, damping=0).fit(X, y)
    raw = InfluenceExplainer(logistic).fit(X, y).leave_one_out_raw_predictions()
    odds = np.log(plain.loo_proba_[:, 1] / plain.loo_proba_[:, 0])
    np.testing.assert_allclose(odds, raw, rtol=1e-6, atol=1e-8)
    given = plain.loo_proba_[np.arange(len(y)), y]
    np.testing.assert_array_equal(plain.label_quality_, given)
    assert plain.n_iter_ == 1


def test_plain_probabilities_of_many_classes_order_rows_as_real_refits_do():
    table, target = load_digits(return_X_y=True)
    table, target = table[:150] / 16, flip_labels(target[:150], 0.1, random_state=0)[0]
    model = LogisticRegression(tol=1e-8, max_iter=2000)
    plain = LabelFlagger(model, noise_model=False, damping=0).fit(table, target)
    want = []
    for i in range(0, 150, 3):
        rest = np.arange(150) != i
        without = clone(model).fit(table[rest], target[rest])
        want.append(without.predict_proba(table[[i]])[0, target[i]])
    assert spearmanr(plain.label_quality_[::3], want).statistic >= 0.999


@pytest.mark.parametrize("estimator", [RidgeClassifier(), LinearSVC(random_state=0)])
@pytest.mark.parametrize("score", ["leave_one_out", "cross_validation"])
def test_margins_get_a_temperature_without_a_noise_model_too(estimator, score):
    model = make_pipeline(StandardScaler(), estimator)
    plain = LabelFlagger(model, noise_model=False, score=score, damping=0).fit(X, y)
    assert plain.temperature_ > 1.2  # margins of one are surer than the logistic function says


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_contamination_may_be_a_share_of_the_rows(share):
    found = LabelFlagger(logistic, contamination=share).fit(X, y)
    assert found.flagged_.sum() == round(share * len(y))


def test_strict_flags_fewer():
    strict = LabelFlagger(contamination="strict").fit(X, y)
    assert 0 < strict.flagged_.sum() <= LabelFlagger().fit(X, y).flagged_.sum()
    assert flipped[strict.flagged_].mean() > 0.9


def test_fit_predict_marks_flagged_rows(flagger):
    verdict = LabelFlagger().fit_predict(X, y)
    np.testing.assert_array_equal(verdict, np.where(flagger.flagged_, -1, 1))


def test_transform_is_the_identity(flagger):
    assert flagger.transform(X) is X
    np.testing.assert_array_equal(LabelFlagger(logistic).fit_transform(X, y), X)
    np.testing.assert_array_equal(flagger.transform(X[:3].tolist()), X[:3])


def test_a_flagger_stands_anywhere_in_a_pipeline():
    with_flagger = make_pipeline(StandardScaler(), LabelFlagger(), LogisticRegression())
    without = make_pipeline(StandardScaler(), LogisticRegression())
    np.testing.assert_array_equal(
        with_flagger.fit(X, y).predict_proba(X), without.fit(X, y).predict_proba(X)
    )


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(30)])
def test_new_rows_are_judged(estimator):
    found = LabelFlagger(estimator).fit(X[:200], y[:200])
    score = found.score_labels(X[200:], y[200:])
    assert score.shape == (100,)
    assert (score >= 0).all() and (score <= 1).all()
    assert average_precision_score(flipped[200:], score) > 0.7


def test_a_new_row_is_judged_as_a_training_row_without_itself_would_be():
    without = LabelFlagger(logistic, noise_model=False, damping=0).fit(X[1:], y[1:])
    whole = LabelFlagger(logistic, noise_model=False, damping=0).fit(X, y)
    assert without.score_labels(X[:1], y[:1])[0] == pytest.approx(whole.scores_[0], abs=0.01)


def test_a_label_that_nobody_had_cannot_be_right(explained):
    np.testing.assert_array_equal(explained.score_labels(X[:2], [7, 7]), 1.0)


def test_new_values_are_judged(values):
    table, _, noisy, wrong = values
    found = LabelFlagger().fit(table[:300], noisy[:300])
    score = found.score_labels(table[300:], noisy[300:])
    assert average_precision_score(wrong[300:], score) > 0.9


def test_score_is_the_held_out_likelihood_of_given_labels(values):
    good = LabelFlagger(logistic, damping=0.01).fit(X[:200], y[:200])
    poor = LabelFlagger(logistic, damping=100.0).fit(X[:200], y[:200])
    assert -1.0 < poor.score(X[200:], y[200:]) < good.score(X[200:], y[200:]) < 0.0
    table, _, noisy, _ = values
    good = LabelFlagger(damping=0.1).fit(table[:300], noisy[:300])
    poor = LabelFlagger(damping=1e6).fit(table[:300], noisy[:300])
    assert poor.score(table[300:], noisy[300:]) < good.score(table[300:], noisy[300:])


def test_the_density_of_values_integrates_to_one(values):
    table, _, noisy, _ = values
    found = LabelFlagger().fit(table, noisy)
    grid = np.linspace(-3000, 3500, 20001)
    rows = np.repeat(table[:1], len(grid), axis=0)
    density = np.exp(found._judgement.log_likelihood(rows, grid))
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1.0, abs=1e-3)


def test_probabilities_of_given_labels_sum_to_one(flagger):
    given = [flagger._judgement.log_likelihood(X[:5], np.full(5, k)) for k in (0, 1)]
    np.testing.assert_allclose(np.exp(given).sum(axis=0), 1.0, rtol=1e-9)


def test_score_is_a_parameter_and_a_method():
    found = LabelFlagger(logistic, score="loss").fit(X, y)
    assert found.score == "loss"
    assert found.get_params()["score"] == "loss"
    assert type(found.get_params()["score"]) is str
    assert isinstance(found.score(X, y), float)
    assert clone(found).score == "loss"
    assert "score='loss'" in repr(found)
    assert found.set_params(score="relative").score == "relative"


def test_a_grid_search_runs_with_its_own_score():
    search = GridSearchCV(
        LabelFlagger(logistic), {"damping": [0.001, 1e3], "noise_model": [True, False]},
        cv=2, n_jobs=2,
    ).fit(X, y)  # fmt: skip
    assert search.best_params_["damping"] == 0.001
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_refitting_equals_a_fresh_fit(estimator):
    other = LabelFlagger(estimator).fit(X[:, :5], flip_labels(clean, 0.3, random_state=1)[0])
    same(other.fit(X, y), LabelFlagger(estimator).fit(X, y))


def test_refitting_to_values_forgets_the_classes(values):
    found = LabelFlagger().fit(X, y).fit(*values[:2])
    for name in ("classes_", "noise_matrix_", "noise_matrix_std_", "loo_proba_", "temperature_"):
        assert not hasattr(found, name)


def test_parameters_and_the_estimator_stay_as_they_were():
    inner = ExtraTreesClassifier(5)
    found = LabelFlagger(inner)
    before = dict(found.get_params())
    found.fit(X, y)
    assert found.get_params() == before
    assert not hasattr(inner, "estimators_") and inner.random_state is None


def test_nothing_is_checked_before_fit():
    found = LabelFlagger("no estimator", score=3, contamination="many", max_iter=-1)
    assert found.score == 3


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_the_global_random_state_is_untouched(estimator):
    before = global_state()
    LabelFlagger(estimator).fit(X, y).report()
    assert global_state() == before


def test_the_seed_decides_landmarks_and_folds():
    few = {"representation": "rbf", "n_components": 20}
    first = LabelFlagger(random_state=1, **few).fit(X, y)
    same(first, LabelFlagger(random_state=1, **few).fit(X, y))
    second = LabelFlagger(random_state=2, **few).fit(X, y)
    assert np.abs(first.scores_ - second.scores_).max() > 0


def test_results_do_not_depend_on_n_jobs():
    trees = ExtraTreesClassifier(10)
    same(LabelFlagger(trees, n_jobs=1).fit(X, y), LabelFlagger(trees, n_jobs=2).fit(X, y))


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_a_fitted_flagger_can_be_pickled(estimator):
    found = LabelFlagger(estimator).fit(X, y)
    again = pickle.loads(pickle.dumps(found))
    same(found, again)
    np.testing.assert_array_equal(found.score_labels(X, y), again.score_labels(X, y))


@pytest.mark.parametrize("estimator", [None, logistic, ExtraTreesClassifier(10)])
def test_a_row_of_weight_zero_is_absent(estimator):
    weight = np.ones(300)
    weight[:40] = 0.0
    scrambled, labels = X.copy(), y.copy()
    scrambled[:40] *= 1e3
    labels[:40] = 1 - labels[:40]
    whole = LabelFlagger(estimator).fit(scrambled, labels, sample_weight=weight)
    rest = LabelFlagger(estimator).fit(X[40:], y[40:])
    for name in ("scores_", "flagged_", "suggested_", "loo_proba_"):
        np.testing.assert_array_equal(getattr(whole, name)[40:], getattr(rest, name))
    np.testing.assert_allclose(
        whole.scores_[:40], rest.score_labels(scrambled[:40], labels[:40]), rtol=1e-9, atol=1e-12
    )


def test_a_class_without_weight_is_no_class():
    weight = np.ones(300)
    weight[0] = 0.0
    labels = y.copy()
    labels[0] = 9
    found = LabelFlagger(logistic).fit(X, labels, sample_weight=weight)
    np.testing.assert_array_equal(found.classes_, [0, 1])
    assert found.scores_[0] == 1.0
    assert found.suggested_[0] in (0, 1)
    assert len(found.report()) == 300
    assert found.explainer_.influence(X[:3], [0, 1, 1]).shape == (3, 300)


def test_weights_are_repetitions():
    weight = np.ones(300)
    weight[50:100] = 2.0
    repeated = np.r_[np.arange(300), np.arange(50, 100)]
    model = LabelFlagger(LogisticRegression(C=0.01, tol=1e-10), noise_model=False, damping=0)
    scaled = StandardScaler().fit_transform(X)
    weighted = model.fit(scaled, y, sample_weight=weight).explainer_.objective_.coef
    twice = model.fit(scaled[repeated], y[repeated]).explainer_.objective_
    # the centre of the columns is the same: so are coefficients and intercept
    np.testing.assert_allclose(weighted, twice.coef, rtol=1e-8)


def test_verbose_tells_what_was_done(capsys):
    LabelFlagger(logistic, verbose=1).fit(X, y)
    said = capsys.readouterr().out
    assert "[LabelFlagger] LogisticRegression" in said
    assert "of 300 rows flagged" in said
    LabelFlagger(logistic).fit(X, y)
    assert capsys.readouterr().out == ""


def test_the_explainer_is_of_the_model_that_judged(explained):
    found = explained.explainer_
    assert isinstance(found, InfluenceExplainer)
    assert explained.explainer_ is found
    want = InfluenceExplainer(logistic, damping=explained.damping_).fit(
        X, y, sample_weight=explained.row_weight_
    )
    np.testing.assert_allclose(
        found.influence(X[:5], y[:5]), want.influence(X[:5], y[:5]), rtol=1e-6, atol=1e-10
    )


@pytest.mark.parametrize("kind", ["linear", "rbf"])
@pytest.mark.parametrize("weight", [np.ones(300), np.linspace(0.1, 2.0, 300)], ids=["1", "w"])
def test_the_explainer_of_a_representation_is_its_closed_form(kind, weight):
    found = LabelFlagger(representation=kind, noise_model=False, n_components=50)
    found.fit(X, y, sample_weight=weight)
    source = found._choice.closed.inner
    columns = source.best.representation.columns(source._scaling.apply(X))
    value, _ = source.best.path.leave_one_out(
        columns, np.eye(2)[y], weight / weight.sum(), [source.best.damping]
    )
    # a ridge classifier on -1 and +1: twice the closed form's value of class 1, minus one
    raw = found.explainer_.leave_one_out_raw_predictions()
    np.testing.assert_allclose(raw, 2.0 * value[0, :, 1] - 1.0, rtol=1e-6, atol=1e-7)


def test_the_explainer_of_values_predicts_what_was_suggested(values):
    table, _, noisy, _ = values
    found = LabelFlagger(representation="linear", noise_model=False).fit(table, noisy)
    raw = found.explainer_.leave_one_out_raw_predictions()
    np.testing.assert_allclose(raw, found.suggested_, rtol=1e-8)


def test_an_estimator_without_influence_is_cross_validated_and_said_so(capsys):
    found = LabelFlagger(ExtraTreesClassifier(10), verbose=1).fit(X, y)
    assert found.score_ == "cross_validation"
    assert "cross-validated in 5 folds" in capsys.readouterr().out
    assert not hasattr(found, "explainer_")
    with pytest.raises(AttributeError, match="has no influences"):
        found.explainer_  # noqa: B018
    assert not [c for c in found.report().columns if c.startswith("against")]


def test_a_setting_that_influence_refuses_is_cross_validated_too():
    lasso = LogisticRegression(solver="liblinear", **l1())
    found = LabelFlagger(make_pipeline(StandardScaler(), lasso)).fit(X, y)
    assert found.score_ == "cross_validation"


def l1():
    new = parse_version(sklearn.__version__) >= parse_version("1.8")
    return {"l1_ratio": 1.0} if new else {"penalty": "l1"}


@pytest.mark.parametrize("score", ["self_influence", "loss", "relative", "reference"])
def test_scores_that_need_influence_say_what_to_do_without(score):
    with pytest.raises(UnsupportedEstimatorError, match=f'{score}.*Take score="leave_one_out"'):
        LabelFlagger(DummyClassifier(), score=score).fit(X, y, X_trusted=X, y_trusted=clean)


def test_two_sources_are_combined():
    both = LabelFlagger(logistic, score=("leave_one_out", "cross_validation")).fit(X, y)
    assert both.score_ == ("leave_one_out", "cross_validation")
    assert "closed form" in both.description_ and "cross-validated" in both.description_
    assert average_precision_score(flipped, both.scores_) > 0.8
    assert both.explainer_.objective_.n_rows == 300


def test_trees_are_combined_with_the_representation():
    score = ("leave_one_out", "cross_validation")
    both = LabelFlagger(ExtraTreesClassifier(10), score=score).fit(X, y)
    assert "ridge regression" in both.description_ and "ExtraTrees" in both.description_
    assert both.score_labels(X[:3], y[:3]).shape == (3,)


SETTINGS = [
    ("score", "best", "Expected one of"),
    ("score", ("leave_one_out", "loss"), "Expected one of"),
    ("score", ["leave_one_out"], "Expected one of"),
    ("score", None, "Expected one of"),
    ("contamination", "many", "'auto' or 'strict'"),
    ("contamination", 1.5, ">= 0 and <= 1"),
    ("contamination", -0.1, ">= 0 and <= 1"),
    ("contamination", None, "'auto'"),
    ("damping", "none", "'auto'"),
    ("damping", -1.0, ">= 0"),
    ("damping", np.nan, "finite number"),
    ("max_iter", 0, "whole number"),
    ("max_iter", 2.0, "whole number"),
    ("n_components", 0, "whole number"),
    ("noise_model", "yes", "True or False"),
    ("n_jobs", 0, "positive integer"),
    ("representation", "cubic", "Expected"),
    ("solver", "magic", "cholesky"),
]


@pytest.mark.parametrize(("name", "value", "expected"), SETTINGS)
def test_fit_refuses_the_setting(name, value, expected):
    with pytest.raises(ValueError, match=f"{name}=.*{expected}"):
        LabelFlagger(logistic, **{name: value}).fit(X, y)


@pytest.mark.parametrize(
    "ask",
    [
        lambda f: f.transform(X),
        lambda f: f.report(),
        lambda f: f.score_labels(X, y),
        lambda f: f.score(X, y),
        lambda f: f.explainer_,
    ],
)
def test_an_unfitted_flagger_says_so(ask):
    with pytest.raises(NotFittedError, match="fit"):
        ask(LabelFlagger())


def test_weights_and_trusted_rows_are_routed():
    weight = np.where(np.arange(300) < 40, 0.0, 1.0)
    direct = LabelFlagger(logistic, score="reference").fit(
        X, y, weight, X_trusted=X[:50], y_trusted=clean[:50]
    )
    with sklearn.config_context(enable_metadata_routing=True):
        asks = LabelFlagger(logistic, score="reference").set_fit_request(
            sample_weight=True, X_trusted=True, y_trusted=True
        )
        pipe = make_pipeline(asks, "passthrough")
        pipe.fit(X, y, sample_weight=weight, X_trusted=X[:50], y_trusted=clean[:50])
    same(pipe[0], direct)


def test_no_weight_reaches_an_estimator_that_takes_none():
    weight = np.ones(300)
    weight[3] = 2.0
    with pytest.raises(ValueError, match=r"KNeighborsClassifier takes no sample_weight"):
        LabelFlagger(KNeighborsClassifier()).fit(X, y, sample_weight=weight)
    zero = np.where(np.arange(300) < 40, 0.0, 1.0)
    assert LabelFlagger(KNeighborsClassifier()).fit(X, y, sample_weight=zero).scores_.shape == (
        300,
    )
