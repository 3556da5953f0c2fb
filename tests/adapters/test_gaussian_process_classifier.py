"""GaussianProcessClassifier: its own latent means, and refits without a row."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from skinfluence import InfluenceExplainer, supports
from skinfluence.adapters import UnsupportedEstimatorError
from skinfluence.groups import group_influence
from skinfluence.targets import DecisionValue

RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 2))
LATENT = np.hypot(*X.T) + 0.2 * RNG.standard_normal(90)
LABELS = {"two": np.where(LATENT > 1.1, "far", "near"), "three": np.digitize(LATENT, [0.8, 1.4])}
TEST = X[60:]
KERNEL = ConstantKernel(4.0, "fixed") * RBF(0.7, "fixed")


def machine(**settings):
    return GaussianProcessClassifier(KERNEL, max_iter_predict=1000, **settings)


def latent_means(fitted, rows=TEST):
    base = fitted.base_estimator_
    machines = [base] if len(fitted.classes_) == 2 else base.estimators_
    # scikit-learn 1.7 has a method for it; Rasmussen & Williams, algorithm 3.2, line 4
    means = [m.kernel_(m.X_train_, rows).T @ (m.y_train_ - m.pi_) for m in machines]
    return np.stack(means, axis=1)


@pytest.mark.parametrize("classes", LABELS)
def test_raw_predictions_are_latent_means_at_the_mode(classes):
    explainer = InfluenceExplainer(machine(), polish=False).fit(X[:60], LABELS[classes][:60])
    raw = explainer.fitted_model_.predictor(TEST).raw()
    assert_allclose(raw, latent_means(explainer.estimator_), atol=1e-8)
    assert explainer.stationarity_ < 1e-6


@pytest.mark.parametrize("classes", LABELS)
@pytest.mark.parametrize("method, tolerance", [("newton_step", 0.05), ("refit", 1e-5)])
def test_removals_are_those_of_the_machine_itself(classes, method, tolerance):
    y = LABELS[classes][:60]
    explainer = InfluenceExplainer(machine()).fit(X[:60], y)
    rows, groups = [0, 7, 31], [np.arange(5), np.arange(20, 32)]
    kept = [np.delete(np.arange(60), gone) for gone in [*rows, *groups]]
    k, target = len(explainer.classes_) - 1, DecisionValue(explainer.classes_[-1])
    column = 0 if classes == "two" else k
    before = latent_means(explainer.estimator_)[:, column]
    want = [latent_means(machine().fit(X[some], y[some]))[:, column] - before for some in kept]
    got = explainer.influence(TEST, target=target, rows=rows, method=method)
    of_groups = group_influence(explainer, groups, TEST, target=target, method="refit")
    assert np.abs(got - np.transpose(want[:3])).max() < tolerance * np.abs(want[:3]).max()
    assert np.abs(of_groups - np.transpose(want[3:])).max() < 1e-5 * np.abs(want).max()


def test_first_order_is_the_derivative_of_the_refits():
    y = LABELS["two"][:60]
    explainer = InfluenceExplainer(machine()).fit(X[:60], y)
    got = explainer.influence(TEST, LABELS["two"][60:], rows=[3], method="first_order")[:, 0]
    objective, step = explainer.objective_, 1e-4
    predictor = explainer.fitted_model_.predictor(TEST)
    sign = np.where(LABELS["two"][60:] == "near", 1.0, -1.0)

    def losses(factor):  # of Newton's method on the latent values themselves
        gram = objective.design.X @ objective.design.X.T
        weight, f, side = np.ones(60), np.zeros(60), objective.y[:, 0]
        weight[3] = factor
        for _ in range(50):
            p = 1.0 / (1.0 + np.exp(side * f))
            W = weight * p * (1 - p)
            f = np.linalg.solve(np.eye(60) + gram * W, gram @ (W * f + weight * side * p))
        dual = weight * side / (1.0 + np.exp(side * f))
        raw = predictor.design.X @ (objective.design.X.T @ dual)
        return np.log1p(np.exp(-sign * raw))

    slope = (losses(1 - step) - losses(1 + step)) / (2 * step)
    assert np.abs(got - slope).max() < 1e-5 * np.abs(slope).max()


def test_pipelines_and_copies_from_disk():
    model = make_pipeline(StandardScaler(), machine())
    explainer = InfluenceExplainer(model).fit(X[:60], LABELS["two"][:60])
    copy = pickle.loads(pickle.dumps(explainer))
    assert_allclose(copy.influence(TEST), explainer.influence(TEST), rtol=1e-10)


def test_what_is_no_function_of_the_mode_is_refused():
    y = LABELS["three"][:60]
    explainer = InfluenceExplainer(machine()).fit(X[:60], y)
    with pytest.raises(ValueError, match="class probabilities"):
        explainer.influence(TEST, target="predict_proba")
    free = ConstantKernel(4.0, "fixed") * RBF(0.7, (0.1, 10.0))
    each = GaussianProcessClassifier(free, random_state=0)
    with pytest.raises(UnsupportedEstimatorError, match="optimizer=None"):
        InfluenceExplainer(each).fit(X[:60], y)
    noisy = GaussianProcessClassifier(KERNEL + WhiteKernel(0.1, "fixed"))
    with pytest.raises(UnsupportedEstimatorError, match="white noise"):
        InfluenceExplainer(noisy).fit(X[:60], LABELS["two"][:60])
    assert not supports(machine(multi_class="one_vs_one"))
    assert "latent variance" in supports(machine()).reason


WEIGHTED = (
    "sample_weights_pandas_series",
    "sample_weights_not_an_array",
    "sample_weights_list",
    "sample_weights_shape",
    "sample_weights_not_overwritten",
    "sample_weight_equivalence_on_dense_data",
    "classifiers_one_label_sample_weights",
)


@parametrize_with_checks(
    [InfluenceExplainer(GaussianProcessClassifier())],
    expected_failed_checks=lambda estimator: {
        f"check_{name}": "GaussianProcessClassifier.fit takes no sample_weight" for name in WEIGHTED
    },
)
def test_scikit_learn_estimator_checks(estimator, check):
    check(estimator)
