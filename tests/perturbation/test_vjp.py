"""The derivative of every pipeline step against finite differences of its own transform."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA, FactorAnalysis, FastICA, IncrementalPCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.kernel_approximation import Nystroem, RBFSampler
from sklearn.neighbors import NeighborhoodComponentsAnalysis
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    OneHotEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from skinfluence.perturbation import UnsupportedStepError, register_vjp
from skinfluence.perturbation._elementwise_steps import FUNCTIONS
from skinfluence.perturbation._vjp import REGISTRY, is_linear, vjp
from skinfluence.testing import check_vjp

N_ROWS = 30

STEPS = {
    "standard": StandardScaler(),
    "frozen-linear": FrozenEstimator(StandardScaler().fit(np.arange(12.0).reshape(3, 4))),
    "frozen-bent": FrozenEstimator(Normalizer().fit(np.ones((3, 4)))),
    "standard-mean-only": StandardScaler(with_std=False),
    "min-max": MinMaxScaler((-1.0, 2.0)),
    "min-max-clip": MinMaxScaler(clip=True),
    "max-abs": MaxAbsScaler(),
    "robust": RobustScaler(),
    "robust-unscaled": RobustScaler(with_scaling=False),
    "pca": PCA(2),
    "pca-whiten": PCA(2, whiten=True),
    "incremental-pca": IncrementalPCA(2, whiten=True),
    "svd": TruncatedSVD(2, random_state=0),
    "ica": FastICA(2, random_state=0, max_iter=2000, tol=0.01),
    "factors": FactorAnalysis(2),
    "neighbours": NeighborhoodComponentsAnalysis(2, max_iter=5),
    "gaussian": GaussianRandomProjection(3, random_state=0),
    "sparse-projection": SparseRandomProjection(3, random_state=0),
    "lda-svd": LinearDiscriminantAnalysis(n_components=2),
    "lda-eigen": LinearDiscriminantAnalysis(solver="eigen", n_components=1),
    "power": PowerTransformer(),
    "power-raw": PowerTransformer(standardize=False),
    "box-cox": PowerTransformer(method="box-cox"),
    "normalizer": Normalizer(),
    "normalizer-l1": Normalizer("l1"),
    "normalizer-max": Normalizer("max"),
    "polynomial": PolynomialFeatures(3),
    "interactions": PolynomialFeatures(2, interaction_only=True, include_bias=False),
    "spline": SplineTransformer(n_knots=4),
    "spline-linear": SplineTransformer(n_knots=4, extrapolation="linear", include_bias=False),
    "spline-degree-1": SplineTransformer(n_knots=4, degree=1),
    "spline-periodic": SplineTransformer(n_knots=5, extrapolation="periodic"),
    "spline-on": SplineTransformer(n_knots=4, extrapolation="continue"),
    "imputer": SimpleImputer(),
    "imputer-indicator": SimpleImputer(add_indicator=True, strategy="median"),
    "rbf": Nystroem(n_components=12, random_state=0),
    "rbf-gamma": Nystroem(n_components=12, gamma=0.3, random_state=0),
    "linear-kernel": Nystroem("linear", n_components=4, random_state=0),
    "poly-kernel": Nystroem("poly", degree=2, n_components=8, random_state=0),
    "sigmoid-kernel": Nystroem("sigmoid", gamma=0.05, coef0=0.1, n_components=6, random_state=0),
    "rbf-sampler": RBFSampler(gamma=0.4, n_components=20, random_state=0),
    "function": FunctionTransformer(np.log1p),
    "function-none": FunctionTransformer(),
    "k-best": SelectKBest(k=2),
    "variance": VarianceThreshold(0.01),
    "pipeline": make_pipeline(StandardScaler(), "passthrough", PolynomialFeatures(2), PCA(3)),
    "linear-pipeline": make_pipeline(StandardScaler(), PCA(3), None, VarianceThreshold()),
    "union": FeatureUnion(
        [("a", PCA(2)), ("b", PolynomialFeatures(2)), ("c", "passthrough"), ("d", "drop")],
        transformer_weights={"b": 0.5},
    ),
    "columns": ColumnTransformer(
        [
            ("a", StandardScaler(), [0, 3]),
            ("b", make_pipeline(PolynomialFeatures(2), PCA(2)), [1, 3]),
            ("c", "drop", [2]),
            ("d", "passthrough", slice(1, 2)),
        ],
        transformer_weights={"b": 3.0},
        remainder="passthrough",
    ),
    "linear-columns": make_column_transformer((PCA(1), [2, 0]), remainder=MinMaxScaler()),
    "column-named-twice": make_column_transformer((StandardScaler(), [0, 1, 1]), (PCA(1), [1, 1])),
    "pandas-out": StandardScaler().set_output(transform="pandas"),
}

CONSTANT = {
    "standard", "standard-mean-only", "min-max", "max-abs", "robust", "robust-unscaled", "pca",
    "pca-whiten", "incremental-pca", "svd", "ica", "factors", "neighbours", "gaussian",
    "sparse-projection", "lda-svd", "lda-eigen", "linear-kernel", "function-none", "k-best",
    "variance", "linear-pipeline", "linear-columns", "column-named-twice", "pandas-out",
    "frozen-linear",
}  # fmt: skip


def table(rows=N_ROWS, seed=0):
    """Positive columns of different sizes, and three classes."""
    rng = np.random.default_rng(seed)
    X = np.exp(0.4 * rng.standard_normal((rows, 4))) * [1.0, 2.0, 0.5, 1.5]
    return X, (X[:, 0] > 1.0).astype(int) + (X[:, 1] > 2.0)


def fitted(name):
    X, y = table()
    if "imputer" in name:
        X[:3, 1] = np.nan
    if name == "imputer":
        X[:, 2] = np.nan  # an empty column is dropped
    with np.errstate(all="ignore"):
        return STEPS[name].fit(X, y)


def as_array(made):
    return made.toarray() if sparse.issparse(made) else np.asarray(made)


def differences(step, X, V, h=1e-5):
    """V times the Jacobian of step.transform by central differences, (n_tests, n_rows, n_in)."""
    out = np.empty((len(V), *X.shape))
    for j in range(X.shape[1]):
        moved = h * np.eye(X.shape[1])[j]
        slope = as_array(step.transform(X + moved)) - as_array(step.transform(X - moved))
        out[..., j] = np.einsum("tno,no->tn", V, slope / (2.0 * h))
    return out


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_vjp_is_the_derivative_of_the_transform(name):
    step = fitted(name)
    X, _ = table(7, seed=1)
    V = np.random.default_rng(2).standard_normal((2, 7, as_array(step.transform(X)).shape[1]))
    got = vjp(step, X, V)
    expected = differences(step, X, V)
    assert got.shape == (2, 7, 4)
    assert np.abs(expected).max() > 0.0
    assert_allclose(got, expected, atol=2e-7 * np.abs(expected).max())


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_linear_steps_need_no_rows(name):
    step = fitted(name)
    assert is_linear(step) == (name in CONSTANT)
    if name in CONSTANT:
        X, _ = table(5, seed=1)
        V = np.random.default_rng(2).standard_normal((3, 5, as_array(step.transform(X)).shape[1]))
        assert_allclose(vjp(step, None, V), vjp(step, X, V), rtol=1e-14)


def test_every_registered_step_is_tested():
    tested = {type(step).__name__ for step in STEPS.values()}
    ours = {name for module, name in REGISTRY if module.startswith("sklearn.")}
    assert ours - tested == set()


@pytest.mark.parametrize("name", ["rbf", "poly-kernel", "rbf-sampler", "standard-sparse", "svd"])
def test_sparse_rows_are_pulled_back_like_dense_ones(name):
    X, y = table()
    step = StandardScaler(with_mean=False) if name == "standard-sparse" else STEPS[name]
    step = step.fit(sparse.csr_array(X), y)
    V = np.random.default_rng(2).standard_normal((2, *as_array(step.transform(X)).shape))
    expected = vjp(step, X, V)
    assert_array_equal(vjp(step, sparse.csr_array(X), V), expected)
    assert_allclose(expected, differences(step, X, V), atol=2e-7 * np.abs(expected).max())


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_known_functions_have_their_derivatives(function):
    step = FunctionTransformer(function)
    X, _ = table(6)
    V = np.ones((1, 6, 4))
    assert_allclose(vjp(step, X, V), differences(step, X, V), rtol=1e-6)


def test_outside_of_the_fitted_range_what_is_cut_does_not_move():
    X, y = table()
    far = np.vstack([X.max(axis=0) + 1.0, X.min(axis=0) - 0.1])
    V = np.ones((1, 2, 4))
    assert_array_equal(vjp(MinMaxScaler(clip=True).fit(X), far, V), 0.0)
    for extrapolation in ("constant", "linear"):
        step = SplineTransformer(n_knots=4, extrapolation=extrapolation).fit(X, y)
        V = np.random.default_rng(2).standard_normal((1, 2, step.transform(far).shape[1]))
        expected = differences(step, far, V)
        assert_allclose(vjp(step, far, V), expected, atol=1e-6)
        assert (np.abs(expected).max() > 0.1) == (extrapolation == "linear")


def test_negative_values_of_yeo_johnson():
    X, _ = table()
    X = X - 1.2
    step = PowerTransformer().fit(X)
    V = np.ones((1, *X.shape))
    assert_allclose(vjp(step, X, V), differences(step, X, V), rtol=1e-6)


def test_zeros_of_polynomials_have_finite_derivatives():
    X = np.array([[0.0, 2.0], [0.0, 0.0]])
    step = PolynomialFeatures(3).fit(X)
    V = np.random.default_rng(2).standard_normal((1, 2, 10))
    assert_allclose(vjp(step, X, V), differences(step, X, V), atol=1e-7)


def test_a_missing_entry_has_no_derivative_and_the_others_keep_theirs():
    X, _ = table()
    step = SimpleImputer().fit(X)
    X[0, 2] = np.nan
    V = np.random.default_rng(2).standard_normal((2, *X.shape))
    got = vjp(step, X, V)
    assert np.isnan(got[:, 0, 2]).all()
    expected = V.copy()
    expected[:, 0, 2] = np.nan
    assert_array_equal(got, expected)


def test_a_row_of_zeros_has_no_direction():
    X, _ = table(3)
    X[1] = 0.0
    for norm in ("l1", "l2", "max"):
        got = vjp(Normalizer(norm), X, np.ones((1, 3, 4)))
        assert np.isnan(got[0, 1]).all() and np.isfinite(got[0, [0, 2]]).all()


@pytest.mark.parametrize(
    "step",
    [
        KBinsDiscretizer(3, strategy="uniform"),
        OneHotEncoder(handle_unknown="ignore"),
        QuantileTransformer(n_quantiles=10),
        Nystroem("laplacian", n_components=3),
        Nystroem(lambda x, y: float(x @ y), n_components=3),
        FunctionTransformer(np.clip, kw_args={"a_min": 0.0, "a_max": 1.0}),
        FunctionTransformer(lambda X: X**3),
        SplineTransformer(n_knots=4, degree=1, extrapolation="linear"),
    ],
    ids=[
        "bins",
        "one-hot",
        "quantiles",
        "laplacian",
        "callable-kernel",
        "kwargs",
        "lambda",
        "jumps",
    ],
)
@pytest.mark.parametrize("inside", ["alone", "pipeline", "union", "columns"])
def test_a_step_without_a_derivative_is_named(step, inside):
    X, y = table()
    wrapped = {
        "alone": step,
        "pipeline": Pipeline([("scale", StandardScaler()), ("odd", step)]),
        "union": make_union(StandardScaler(), step),
        "columns": make_column_transformer((step, [0, 1]), remainder=StandardScaler()),
    }[inside].fit(X, y)
    with pytest.raises(UnsupportedStepError, match=type(step).__name__) as caught:
        is_linear(wrapped)
    assert "Supported" in str(caught.value)


class Cubed(StandardScaler):
    """A step that this package does not know."""

    def transform(self, X):
        return X**3


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda step, X, V: 2.0 * V * X**2, "not that of transform"),
        (lambda step, X, V: (3.0 * V * X**2)[0], "has shape"),
        (lambda step, X, V: 3.0 * V * (X**2 if V.ndim == 3 else 1.0), "leading axes"),
    ],
    ids=["value", "shape", "axes"],
)
def test_the_check_for_extenders_finds_mistakes(wrong, said):
    X, _ = table(5)
    step = Cubed().fit(X)
    try:
        register_vjp(__name__, "Cubed")(lambda step, X, V: 3.0 * V * X**2)
        check_vjp(step, X)
        register_vjp(__name__, "Cubed")(wrong)
        with pytest.raises(AssertionError, match=said):
            check_vjp(step, X)
        register_vjp(__name__, "Cubed", linear=True)(
            lambda step, X, V: V if X is None else 3.0 * V * X**2
        )
        with pytest.raises(AssertionError, match="linear=True"):
            check_vjp(step, X)
    finally:
        del REGISTRY[__name__, "Cubed"]


def test_a_subclass_is_another_step():
    class Doubler(StandardScaler):
        def transform(self, X):
            return 2.0 * super().transform(X)

    X, _ = table()
    with pytest.raises(UnsupportedStepError, match="Doubler"):
        is_linear(Doubler().fit(X))
