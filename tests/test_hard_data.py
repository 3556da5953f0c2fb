"""Data that are hard but not wrong: singular, separable, unconverged, odd types of array."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.explainer import SingularHessianWarning
from skinfluence.solvers import SingularHessianError

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4))
y = (X[:, 0] + rng.normal(size=60) > 0).astype(int)
values = X @ [1.0, 2.0, 0.0, 1.0] + rng.normal(size=60)
singular = np.c_[X, np.ones(60), X[:, 0] + X[:, 1]]  # a constant and a collinear column
names = ["age", "height", "weight", "income", "constant", "sum"]


def test_the_warning_names_constant_and_collinear_columns():
    table = pd.DataFrame(singular, columns=names)
    explainer = InfluenceExplainer(LinearRegression()).fit(table, values)
    with pytest.warns(
        SingularHessianWarning, match=r"2 direction.*\(constant; .*age .*height .*sum"
    ):
        explainer.influence(table[:2])
    assert len(explainer.health().null_directions) == 2


def test_singular_columns_leave_influences_as_they_are_without_them():
    explainer = InfluenceExplainer(LinearRegression()).fit(singular, values)
    with pytest.warns(SingularHessianWarning):
        got = explainer.influence(singular, values)
    want = InfluenceExplainer(LinearRegression()).fit(X, values).influence(X, values)
    np.testing.assert_allclose(got, want, rtol=1e-8, atol=1e-10 * np.abs(want).max())


@pytest.mark.filterwarnings("ignore:LogisticRegression had not converged")
@pytest.mark.parametrize("unit", [1e-9, 1e9])
def test_units_of_a_column_that_repeats_another_do_not_matter(unit):
    model = LogisticRegression(C=np.inf)
    want = InfluenceExplainer(model).fit(X, y).influence(X, y, rows=[0, 1])
    repeated = np.c_[X, unit * X[:, 0], X[:, 1]]
    explainer = InfluenceExplainer(model).fit(repeated, y)
    with pytest.warns(SingularHessianWarning):
        got = explainer.influence(repeated, y, rows=[0, 1])
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("solver", ["cholesky", "woodbury"])
def test_a_singular_hessian_is_refused_by_solvers_that_cannot(solver):
    explainer = InfluenceExplainer(LinearRegression(), solver=solver).fit(singular, values)
    with pytest.raises(SingularHessianError, match=r'solver="auto" or "eigh".*positive damping'):
        explainer.influence(singular[:2])


@pytest.mark.parametrize("solver", ["auto", "cholesky"])
def test_damping_makes_a_singular_hessian_regular(solver):
    explainer = InfluenceExplainer(LinearRegression(), solver=solver, damping=0.01)
    assert np.isfinite(explainer.fit(singular, values).influence(singular)).all()


def test_more_columns_than_rows_equals_real_refits():
    wide = rng.normal(size=(20, 50))
    target = values[:20]
    got = InfluenceExplainer(Ridge()).fit(wide, target).influence(wide[:5])
    whole = Ridge().fit(wide, target).predict(wide[:5])
    left = [np.delete(np.arange(20), i) for i in range(20)]
    want = [Ridge().fit(wide[r], target[r]).predict(wide[:5]) - whole for r in left]
    np.testing.assert_allclose(got, np.transpose(want), rtol=1e-9, atol=1e-11)


def test_an_exact_fit_is_an_optimum():
    """Residuals are rounding there: no relative gradient may call that unconverged."""
    explainer = InfluenceExplainer(LinearRegression()).fit(X, X @ [1.0, 2.0, 0.0, 1.0] + 5.0)
    assert explainer.polished_stationarity_ < 1e-9


def test_rows_that_alone_carry_a_direction_have_the_refit_of_least_norm():
    wide = rng.normal(size=(6, 10))
    explainer = InfluenceExplainer(LinearRegression()).fit(wide, values[:6])
    with pytest.warns(SingularHessianWarning):
        got = explainer.influence(wide)
    left = [np.delete(np.arange(6), i) for i in range(6)]
    refits = [LinearRegression().fit(wide[r], values[r]).predict(wide) for r in left]
    np.testing.assert_allclose(got, np.transpose(refits) - values[:6, None], atol=1e-9)


def test_two_copies_of_the_data_equal_one_of_weight_two():
    twice = InfluenceExplainer().fit(np.r_[X, X], np.r_[y, y]).influence(X, y, method="first_order")
    heavy = InfluenceExplainer().fit(X, y, sample_weight=np.full(60, 2.0))
    want = heavy.influence(X, y, method="first_order")
    np.testing.assert_allclose(twice[:, :60] + twice[:, 60:], want, rtol=1e-8, atol=1e-12)


def test_separable_classes_without_a_penalty_have_no_optimum():
    model = LogisticRegression(C=np.inf, max_iter=50_000)
    with pytest.warns(ConvergenceWarning, match="No optimum.*separable classes.*Add a penalty"):
        InfluenceExplainer(model).fit(X, X[:, 0] > 0)


def test_an_unconverged_fit_is_polished_and_told():
    model = LogisticRegression(max_iter=2)
    with (
        pytest.warns(ConvergenceWarning, match="lbfgs failed to converge"),
        pytest.warns(ConvergenceWarning, match="had not converged.*Increase max_iter"),
    ):
        explainer = InfluenceExplainer(model).fit(X, y)
    assert explainer.stationarity_ > 1e-3
    assert explainer.polished_stationarity_ < 1e-12
    want = InfluenceExplainer().fit(X, y).influence(X, y)
    np.testing.assert_allclose(explainer.influence(X, y), want, rtol=1e-7, atol=1e-12)


def test_a_frozen_estimator_on_other_rows_is_told():
    frozen = FrozenEstimator(LogisticRegression().fit(X[:30], y[:30]))
    with pytest.warns(ConvergenceWarning, match="frozen LogisticRegression.*fitted on other rows"):
        InfluenceExplainer(frozen).fit(X[30:], y[30:])


def test_without_polishing_an_estimator_off_its_optimum_is_told():
    model = FrozenEstimator(LogisticRegression(tol=0.1).fit(X, y))
    with pytest.warns(ConvergenceWarning, match="away from an optimum.*polish=False"):
        InfluenceExplainer(model, polish=False).fit(X, y)


def read_only(a):
    out = a.copy()
    out.flags.writeable = False
    return out


def with_int64_indices(a):
    out = sparse.csr_array(a)
    out.indices, out.indptr = out.indices.astype(np.int64), out.indptr.astype(np.int64)
    return out


@pytest.mark.parametrize(
    "convert",
    [
        with_int64_indices,
        sparse.csr_array,
        sparse.csr_matrix,
        sparse.csc_array,
        sparse.csc_matrix,
        sparse.coo_array,
        np.asfortranarray,
        read_only,
        np.ndarray.tolist,
    ],
)
def test_the_form_of_the_table_changes_nothing(convert):
    want = InfluenceExplainer().fit(X, y).influence(X, y)
    explainer = InfluenceExplainer().fit(convert(X), y)
    np.testing.assert_allclose(explainer.influence(convert(X), y), want, rtol=1e-9, atol=1e-12)
    # the form of the test rows is free
    np.testing.assert_allclose(explainer.influence(X, y), want, rtol=1e-9, atol=1e-12)


def test_memory_mapped_training_data(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    want = InfluenceExplainer().fit(X, y).influence(X, y)
    np.testing.assert_array_equal(InfluenceExplainer().fit(mapped, y).influence(mapped, y), want)


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.float16, bool])
def test_other_types_are_taken_at_their_value(kind):
    table = (X * 3).astype(kind)
    want = InfluenceExplainer().fit(table.astype(float), y).influence(table.astype(float), y)
    got = InfluenceExplainer().fit(table, y).influence(table, y)
    assert got.dtype == np.float64
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("labels", [np.array(["no", "yes"]), np.array([False, True]), [7, 3]])
def test_the_names_of_the_classes_change_nothing_but_the_sign_of_none(labels):
    renamed = np.asarray(labels)[y]
    want = InfluenceExplainer().fit(X, y).influence(X, y)
    got = InfluenceExplainer().fit(X, renamed).influence(X, renamed)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-9)


def test_mixed_frames_through_a_column_transformer():
    colours = np.array(["red", "green", "blue"])[rng.integers(3, size=60)]
    table = pd.DataFrame({"size": X[:, 0], "colour": colours}, index=[f"r{i}" for i in range(60)])
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["colour"]))
    explainer = InfluenceExplainer(make_pipeline(columns, LogisticRegression())).fit(table, y)
    last = explainer.estimator_[-1]
    bare = InfluenceExplainer(FrozenEstimator(last)).fit(
        explainer.estimator_[:-1].transform(table), y
    )
    want = bare.influence(explainer.estimator_[:-1].transform(table), y)
    np.testing.assert_allclose(explainer.influence(table, y), want, rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="columns are missing"):
        explainer.influence(table[["size"]])
