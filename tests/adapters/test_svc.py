"""SVC and NuSVC: their own decisions, refits of the hinge, and every kernel."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import InfluenceExplainer, SmoothHingeSVC
from skinfluence.adapters import Settings, UnsupportedEstimatorError, explain_estimator
from skinfluence.groups import group_influence
from skinfluence.perturbation import relabel_influence, replacement_influence
from skinfluence.targets import DecisionValue
from skinfluence.testing import finite_difference_influence

RNG = np.random.default_rng(0)
X = RNG.standard_normal((110, 2))
LATENT = X[:, 0] + 0.4 * X[:, 1] ** 2 + 0.4 * RNG.standard_normal(110)
LABELS = {"two": np.where(LATENT > 0.4, "far", "near"), "three": np.digitize(LATENT, [0.0, 0.8])}
WEIGHTS = RNG.uniform(0.3, 2.0, 80)
TEST = X[80:]

pytestmark = pytest.mark.filterwarnings("ignore:.*its hinge is far from the smooth hinge")


def rbf(a, b):
    return rbf_kernel(a, b, gamma=0.7)


def svc(**settings):
    return SVC(**{"gamma": 0.5, "tol": 1e-10, **settings})


MODELS = {
    "rbf": svc(),
    "ovo": svc(C=10.0, decision_function_shape="ovo"),
    "ties": svc(C=0.1, break_ties=True),
    "poly": svc(kernel="poly", degree=2, coef0=1.0),
    "linear": svc(kernel="linear", C=0.3, tol=1e-7),
    "callable": svc(kernel=rbf, C=3.0),
    "balanced": svc(class_weight="balanced"),
    "nu": NuSVC(nu=0.3, gamma=0.5, tol=1e-6),
    "nu, balanced": NuSVC(nu=0.3, gamma=0.5, tol=1e-6, class_weight="balanced"),
}


@pytest.mark.parametrize("classes", LABELS)
@pytest.mark.parametrize("name", MODELS)
def test_decisions_and_predictions_are_the_machine_s_own(name, classes):
    y, model = LABELS[classes][:80], clone(MODELS[name])
    for given in [np.asarray, sparse.csr_array][: 1 if name == "callable" else 2]:
        model.fit(given(X[:80]), y, WEIGHTS)
        fitted = explain_estimator(model, given(X[:80]), y, WEIGHTS, Settings())
        raw, coding = fitted.predictor(given(TEST)).raw(), fitted.objective.coding
        own = model.decision_function(TEST).reshape(30, -1)
        assert_allclose(coding.decision_values(raw), own, atol=1e-8)
        assert (coding.classes[coding.predicted_codes(raw)] == model.predict(TEST)).all()


def decisions(explainer, model):
    """Decision values of another fit, for the classes that the explained one predicts."""
    own = model.decision_function(TEST)
    codes = explainer.classes_.searchsorted(explainer.predict(TEST))
    return own if own.ndim == 1 else own[np.arange(len(own)), codes]


@pytest.mark.parametrize("classes", LABELS)
@pytest.mark.parametrize("name", ["rbf", "ties", "poly", "linear", "callable", "balanced"])
@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_refits_are_those_of_the_machine_itself(name, classes, weighted):
    y, w, model = LABELS[classes][:80], WEIGHTS if weighted else np.ones(80), clone(MODELS[name])
    explainer = InfluenceExplainer(model).fit(X[:80], y, w)
    rows, groups = explainer.estimator_.support_[::7], [np.arange(12), np.arange(20, 50)]
    kept = [np.delete(np.arange(80), gone) for gone in [*rows, *groups]]
    before = decisions(explainer, model.fit(X[:80], y, w))
    want = [decisions(explainer, model.fit(X[k], y[k], w[k])) - before for k in kept]
    target = "decision_function" if classes == "two" else DecisionValue(explainer.predict(TEST))
    got = explainer.influence(TEST, target=target, rows=rows)
    of_groups = group_influence(explainer, groups, TEST, target=target)
    assert explainer.resolve_method() == "refit"
    got = np.hstack([got, of_groups])
    error = np.abs(got - np.transpose(want)).max() / np.abs(want).max()
    assert error < 2e-5


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("classes", LABELS)
def test_replaced_and_relabelled_rows_are_those_of_the_machine(class_weight, classes):
    y, model = LABELS[classes][:80], svc(class_weight=class_weight)
    explainer = InfluenceExplainer(model).fit(X[:80], y)
    rows = np.array([3, 7, 11])
    labels = np.roll(explainer.classes_, 1)[explainer.classes_.searchsorted(y[rows])]
    before = decisions(explainer, model.fit(X[:80], y))
    want = []
    for row, label in zip(rows, labels, strict=True):
        other = y.copy()
        other[row] = label
        want.append(decisions(explainer, model.fit(X[:80], other)) - before)
    target = {"target": "decision_function"}
    got = relabel_influence(explainer, TEST, None, labels, rows=rows, **target)
    assert np.abs(got - np.transpose(want)).max() < 1e-5 * np.abs(want).max()
    same = replacement_influence(explainer, rows, X[rows], labels, TEST, None, **target)
    assert np.abs(same - np.transpose(want)).max() < 1e-5 * np.abs(want).max()


def test_without_a_row_on_the_margin_the_intercept_is_in_the_middle_as_libsvm_has_it():
    y, model = LABELS["two"][:80], svc(C=1e-3)
    explainer = InfluenceExplainer(model).fit(X[:80], y)
    rows = explainer.estimator_.support_[::9]
    got = explainer.influence(TEST, target="decision_function", rows=rows)
    before = model.fit(X[:80], y).decision_function(TEST)
    for j, row in enumerate(rows):
        kept = np.delete(np.arange(80), row)
        after = model.fit(X[kept], y[kept]).decision_function(TEST)
        assert_allclose(got[:, j], after - before, atol=1e-8)


@pytest.mark.parametrize("weighted", [False, True], ids=["unweighted", "weighted"])
def test_first_order_is_the_slope_of_smooth_hinge_refits(weighted):
    y, w = LABELS["two"], WEIGHTS if weighted else None
    explainer = InfluenceExplainer(svc(C=2.0), method="first_order", temperature=0.3)
    explainer.fit(X[:80], y[:80], w)
    assert explainer.polished_stationarity_ < 1e-11
    Z = explainer.objective_.predictor.columns
    truth = finite_difference_influence(
        SmoothHingeSVC(C=2.0, temperature=0.3),
        Z(X[:80]),
        y[:80],
        Z(TEST),
        y[80:],
        [1, 17, 40],
        sample_weight=w,
        step=0.005,
    )
    got = explainer.influence(TEST, y[80:], rows=[1, 17, 40])
    # the loss of a test row is that of the hinge, its derivative that of the smooth hinge
    assert np.abs(got - truth).max() < 1e-6 * np.abs(truth).max()


def test_unpolished_it_is_the_machine_as_it_was_trained():
    y = LABELS["two"][:80]
    explainer = InfluenceExplainer(svc(), polish=False)
    with pytest.warns(ConvergenceWarning, match="away from an optimum"):
        explainer.fit(X[:80], y)
    raw = explainer.objective_.raw_predictions(explainer.fitted_model_.predictor(TEST))[:, 0]
    assert_allclose(raw, explainer.decision_function(TEST), atol=1e-10)


def test_the_strongest_rows_agree_with_refits_of_the_hinge():
    table, y = load_breast_cancer(return_X_y=True)
    table = StandardScaler().fit_transform(table)
    train, test = (table[:300], y[:300]), (table[300:340], y[300:340])
    smooth = InfluenceExplainer(SVC(gamma=0.03, C=1.0), method="newton_step").fit(*train)
    real = InfluenceExplainer(SVC(gamma=0.03, C=1.0)).fit(*train)
    target = {"target": DecisionValue()}
    steps = smooth.influence(test[0], **target)
    for t in np.argsort(-np.abs(steps).max(axis=1))[:5]:
        rows = np.argsort(-np.abs(steps[t]))[:100]
        refits = real.influence(test[0][t : t + 1], rows=rows, **target)[0]
        assert np.corrcoef(steps[t, rows], refits)[0, 1] > 0.9


def test_a_pair_of_classes_is_explained_by_name():
    y = LABELS["three"][:80]
    explainer = InfluenceExplainer(svc(decision_function_shape="ovo"), method="first_order")
    explainer.fit(X[:80], y)
    pairs = {(0, 1): 0, (0, 2): 1, (1, 2): 2}
    own = explainer.decision_function(TEST)
    for (a, b), k in pairs.items():
        target = DecisionValue(a, against=b)
        tests = explainer.test_rows(TEST, target=target)
        raw = explainer.objective_.raw_predictions(tests.predictor)
        assert_allclose(tests.target.value(raw), raw[:, k])
        assert np.abs(raw[:, k] - own[:, k]).max() < 0.1  # polished: next to the machine's own
        influence = explainer.influence(TEST, target=target)
        assert (influence[:, y == 3 - a - b] == 0.0).all()  # they are no rows of this pair
        assert np.abs(influence).max() > 0.0
    summed = explainer.influence(TEST, target=DecisionValue(1))
    parts = [explainer.influence(TEST, target=DecisionValue(1, against=c)) for c in (0, 2)]
    assert_allclose(summed, parts[0] + parts[1], atol=1e-12)
    with pytest.raises(ValueError, match="two different classes"):
        explainer.influence(TEST, target=DecisionValue(1, against=1))


def test_the_loss_is_summed_over_the_pairs_of_the_class():
    y = LABELS["three"]
    explainer = InfluenceExplainer(svc(decision_function_shape="ovo")).fit(X[:80], y[:80])
    model = svc(decision_function_shape="ovo")

    def losses(fitted):
        out = np.zeros(30)
        for k, (a, b) in enumerate([(0, 1), (0, 2), (1, 2)]):
            side = 1.0 * (y[80:] == a) - (y[80:] == b)
            out += np.maximum(1 - side * fitted.decision_function(TEST)[:, k], 0) * (side != 0)
        return out

    rows = explainer.estimator_.support_[::8]
    before = losses(model.fit(X[:80], y[:80]))
    for j, row in enumerate(rows):
        kept = np.delete(np.arange(80), row)
        want = losses(model.fit(X[kept], y[kept])) - before
        assert_allclose(explainer.influence(TEST, y[80:], rows=[row])[:, 0], want, atol=1e-6), j


def test_precomputed_kernels():
    y, matrix = LABELS["three"][:80], rbf_kernel(X, X[:80], gamma=0.5)
    given = InfluenceExplainer(svc(kernel="precomputed")).fit(matrix[:80], y)
    own = InfluenceExplainer(svc()).fit(X[:80], y)
    target = {"target": "decision_function"}
    assert_allclose(
        given.influence(matrix[80:], **target), own.influence(TEST, **target), atol=1e-7
    )


def test_a_copy_from_disk_answers_alike():
    explainer = InfluenceExplainer(svc()).fit(X[:80], LABELS["three"][:80])
    copy = pickle.loads(pickle.dumps(explainer))
    target = {"target": "decision_function", "rows": [0, 5]}
    assert_allclose(copy.influence(TEST, **target), explainer.influence(TEST, **target))


def test_pipelines_and_searches():
    y = LABELS["two"]
    steps = make_pipeline(StandardScaler(), SVC())
    search = GridSearchCV(steps, {"svc__C": [0.5, 5.0], "svc__gamma": [0.2, 2.0]}, cv=3)
    explainer = InfluenceExplainer(search).fit(X[:80], y[:80])
    best = explainer.estimator_.best_estimator_
    chosen = InfluenceExplainer(SVC(**best[-1].get_params())).fit(best[0].transform(X[:80]), y[:80])
    assert_allclose(
        explainer.influence(TEST, y[80:]), chosen.influence(best[0].transform(TEST), y[80:])
    )
    assert explainer.score(TEST, y[80:]) > 0.999


def test_kernels_without_a_hilbert_space_are_refused():
    with pytest.raises(UnsupportedEstimatorError, match="negative eigenvalues"):
        InfluenceExplainer(svc(kernel="sigmoid", gamma=1.0, coef0=-1.0)).fit(
            X[:80], LABELS["two"][:80]
        )


@pytest.mark.parametrize("class_weight", [None, {"far": 3.0}, "balanced"])
def test_nu_is_the_c_that_it_amounts_to(class_weight):
    """libsvm leaves class weights out."""
    y, model = LABELS["two"][:80], clone(MODELS["nu"]).set_params(class_weight=class_weight)
    nu = InfluenceExplainer(model).fit(X[:80], y)
    C = float(1.0 / nu.objective_.penalty.diagonal[0, 0])
    same = InfluenceExplainer(svc(C=C)).fit(X[:80], y)
    target = {"target": "decision_function"}
    assert_allclose(nu.influence(TEST, **target), same.influence(TEST, **target), atol=1e-6)


NOT_WEIGHTED = "libsvm: sample_weight is not equivalent to removing/repeating samples"


@parametrize_with_checks(
    [InfluenceExplainer(SVC(C=0.5))],
    expected_failed_checks=lambda estimator: {
        f"check_sample_weight_equivalence_on_{kind}_data": NOT_WEIGHTED
        for kind in ("dense", "sparse")
    },
)
def test_scikit_learn_estimator_checks(estimator, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        check(estimator)


@pytest.mark.filterwarnings("ignore:.*explained away from an optimum")
@pytest.mark.parametrize("model", [SVC(tol=1e-8), NuSVC(nu=0.3, tol=1e-8)])
def test_support_vectors_are_found_among_rows_of_weight_zero(model):
    rng = np.random.default_rng(0)
    X, weight = rng.standard_normal((60, 3)), rng.uniform(0.5, 2.0, 60)
    y = (np.sin(2 * X[:, 0]) + 0.3 * rng.standard_normal(60) > 0).astype(int)
    weight[[5, 20]] = 0.0  # libsvm numbers the others only
    explainer = InfluenceExplainer(model, polish=False).fit(X, y, weight)
    raw = explainer.objective_.raw_prediction[:, 0]
    np.testing.assert_allclose(raw, explainer.decision_function(X), atol=1e-10)


@pytest.mark.parametrize(
    "model", [svc(kernel=rbf), SVR(kernel=rbf), svc(kernel="precomputed"), OneClassSVM(kernel=rbf)]
)
def test_kernels_by_which_scikit_learn_predicts_from_other_rows_are_refused(model):
    y, weight, table = (LATENT[:80] > 0.4) * 1.0, WEIGHTS.copy(), X[:80]
    weight[[5, 20]] = 0.0
    table = rbf(table, table) if model.kernel == "precomputed" else table
    with pytest.raises(UnsupportedEstimatorError, match="kernels of other rows"):
        InfluenceExplainer(model).fit(table, y, weight)
    left = weight > 0.0
    table = table[left][:, left] if model.kernel == "precomputed" else table[left]
    explainer = InfluenceExplainer(model).fit(table, y[left], weight[left])  # the advice runs
    if isinstance(model, OneClassSVM):
        return
    same = InfluenceExplainer(clone(model).set_params(kernel="rbf", gamma=0.7))
    same.fit(X[:80], y, weight)
    own = explainer.objective_.raw_prediction
    assert_allclose(own, same.objective_.raw_prediction[left], atol=1e-7)


@pytest.mark.filterwarnings("ignore:NuSVC had not converged")
def test_a_machine_whose_optimum_is_not_found_has_a_warning():
    """With a small nu the hulls of overlapping classes meet, and C is nearly infinite."""
    random = np.random.default_rng(2)
    table = random.standard_normal((50, 3))
    y = (table[:, 0] + 2.0 * random.standard_normal(50) > 0.0).astype(int)
    explainer = InfluenceExplainer(NuSVC(nu=0.3, kernel="linear")).fit(table, y)
    with pytest.warns(ConvergenceWarning, match="refits are NaN.* raise nu"):
        lost = explainer.influence(table[:2], rows=[3], method="refit")
    assert np.isnan(lost).all()
    raised = InfluenceExplainer(NuSVC(nu=0.8, kernel="linear")).fit(table, y)
    assert np.isfinite(raised.influence(table[:2], rows=[3])).all()  # the advice runs


@pytest.mark.parametrize("given", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("model", [svc(), SVR(), NuSVC(nu=0.2), svc(kernel="linear")])
def test_a_frozen_machine_has_duals_of_its_own_rows(model, given):
    y = (LATENT > 0.4) * 1.0
    model = clone(model).fit(given(X[:80]), y[:80])
    for rows in (np.arange(60), np.arange(30, 110), np.arange(80)[::-1]):
        with pytest.raises(ValueError, match="belong to 80 rows in their order"):
            InfluenceExplainer(FrozenEstimator(model)).fit(given(X[rows]), y[rows])
    InfluenceExplainer(clone(model)).fit(given(X[:60]), y[:60])  # the advice runs
    turned = make_pipeline(PCA(), clone(model)).fit(X[:80], y[:80])  # rows but for rounding
    InfluenceExplainer(FrozenEstimator(turned)).fit(X[:80], y[:80])
