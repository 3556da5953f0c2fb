"""Subgroups of the training rows that mislead a model about test rows."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skinfluence import InfluenceExplainer
from skinfluence.datasets import load_hospital_readmission
from skinfluence.groups import group_influence
from skinfluence.mismatch import subgroup_influence
from skinfluence.mismatch._search import Search
from skinfluence.targets import Mean


@pytest.fixture(scope="module")
def people():
    """Training and test tables; in training most of the nurses have the wrong label."""
    rng = np.random.default_rng(0)
    n = 1200
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n).astype(float),
            "job": rng.choice(["cook", "nurse", "smith", "clerk"], n, p=[0.4, 0.05, 0.25, 0.3]),
            "town": rng.choice(["A", "B", None], n, p=[0.5, 0.45, 0.05]),
        }
    )
    X.loc[::50, "age"] = np.nan
    y = (X["age"].fillna(50) + 40 * rng.normal(size=n) > 50).astype(int)
    X_train, X_test = X[:800], X[800:].reset_index(drop=True)
    y_train, y_test = y[:800].copy(), y[800:].to_numpy()
    nurses = X_train.index[X_train["job"] == "nurse"]
    y_train[nurses], y_train[nurses[::6]] = 1, 0
    encoder = make_column_transformer(
        (OneHotEncoder(), ["job", "town"]), remainder=_filled(), verbose_feature_names_out=False
    )
    model = make_pipeline(encoder, LogisticRegression(C=100, max_iter=1000))
    return InfluenceExplainer(model).fit(X_train, y_train), X_test, y_test


def _filled():
    return make_pipeline(SimpleImputer(), StandardScaler())


def test_the_hospital_children_are_first_of_all_subgroups_on_all_test_rows():
    hospital = load_hospital_readmission(modified=True, as_frame=True)
    model = LogisticRegression(C=0.5, solver="newton-cholesky")
    explainer = InfluenceExplainer(model).fit(hospital.data, hospital.target)
    found = subgroup_influence(
        explainer, hospital.data_test, hospital.target_test, n_joint=20, n_groups=3
    )
    assert found[0].name == "age_[0-10) = 1"
    assert (found[0].n_rows, found[0].n_test) == (4, 137)
    assert abs(found[0].standardized) > 5 * abs(found[1].standardized)


def test_a_category_with_a_coefficient_of_its_own_is_first(people):
    # the first-order influences of its rows add up to little: their gradients do
    explainer, X_test, y_test = people
    found = subgroup_influence(explainer, X_test, y_test)
    assert found[0].name == "job = nurse"
    assert found[0].influence < 0
    assert abs(found[0].first_order) < 0.2 * abs(found[0].influence)


def test_effects_are_those_of_the_groups_and_of_refits(people):
    explainer, X_test, y_test = people
    found = subgroup_influence(explainer, X_test, y_test, n_groups=4, verify=True)
    rows = [one.rows for one in found]
    for name, method in (("influence", None), ("refit", "refit"), ("first_order", "first_order")):
        expected = group_influence(
            explainer, rows, X_test, y_test, target=Mean("loss"), method=method
        )
        np.testing.assert_allclose([getattr(one, name) for one in found], expected[0], rtol=1e-9)
    table = found.frame()
    assert table["group"].tolist() == [one.name for one in found]
    assert table["n_rows"].tolist() == [len(one) for one in rows]
    loss = explainer.test_rows(X_test, y_test).value()
    for one in found:
        np.testing.assert_array_equal(np.flatnonzero(one.mask(explainer.X_train_)), one.rows)
        assert one.test_value == pytest.approx(loss[one.mask(X_test)].mean())


def test_sums_of_pairs_are_those_of_a_loop_over_the_rows():
    rng = np.random.default_rng(1)
    codes = np.column_stack(
        [rng.integers(0, 3, 300), rng.integers(3, 5, 300), rng.integers(4, 8, 300)]
    )
    codes[:, 2] = np.where(codes[:, 2] == 4, -1, codes[:, 2])
    values = rng.normal(size=300) - 3.0 * ((codes[:, 0] == 1) & (codes[:, 1] == 4))
    search = Search(codes, 8, values, "harmful", min_size=5)
    assert search.pairs(50) == [(1, 4)]
    sizes = [(codes == k).any(axis=1).sum() for k in range(8)]
    np.testing.assert_array_equal(search.sizes, sizes)
    scores = {}
    for which in itertools.combinations(range(8), 2):
        rows = search.rows(which)
        if len(rows):
            spread = values.std() * np.sqrt(len(rows) * (300 - len(rows)) / 299)
            scores[which] = -(values[rows].sum() - len(rows) * values.mean()) / spread
    assert max(scores, key=scores.get) == (1, 4)
    assert search.score(values[search.rows((1, 4))].sum(), len(search.rows((1, 4)))) == (
        pytest.approx(scores[1, 4])
    )


def test_conditions_cover_categories_bins_and_missing_values(people):
    explainer, X_test, y_test = people
    found = subgroup_influence(
        explainer, X_test, y_test, order="magnitude", n_groups=50, pairs=False
    )
    names = {one.name for one in found}
    assert {"age is missing", "town is missing", "job = smith", "town = B"} <= names
    bins = [one for one in found if "age" in one.name and "missing" not in one.name]
    assert sum(one.n_rows for one in bins) == explainer.X_train_["age"].notna().sum()
    assert len(bins) == 4
    assert any(" < age <= " in one.name for one in bins)


def test_order_helpful_is_that_of_the_opposite_sign(people):
    explainer, X_test, y_test = people
    helpful = subgroup_influence(explainer, X_test, y_test, order="helpful")
    assert all(one.influence > 0 for one in helpful)
    assert np.all(np.diff([one.standardized for one in helpful]) <= 0)


def test_a_table_of_columns_that_the_model_does_not_use():
    rng = np.random.default_rng(2)
    X, X_test = rng.normal(size=(300, 3)), rng.normal(size=(100, 3))
    source = np.array(["north", "south", "west"])[rng.integers(0, 3, 300)]
    y, y_test = X.sum(axis=1), X_test.sum(axis=1)
    y[source == "south"] -= 2 * X[source == "south", 0]  # measured in another unit
    explainer = InfluenceExplainer(LinearRegression()).fit(X, y)
    found = subgroup_influence(explainer, X_test, y_test, table=source[:, None])
    assert found[0].name == "x0 = south"
    assert found[0].n_test is None
    assert "n test" not in str(found)


def test_rows_of_weight_zero_belong_to_no_subgroup(people):
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 2)), rng.normal(size=60)
    weight = np.ones(60)
    weight[:20] = 0.0
    explainer = InfluenceExplainer(Ridge()).fit(X, y, sample_weight=weight)
    found = subgroup_influence(explainer, X, y, order="magnitude")
    assert min(one.rows.min() for one in found) >= 20


def test_a_subgroup_without_which_there_is_no_model_is_marked():
    X = pd.DataFrame({"x": np.arange(40.0) % 7, "kind": np.repeat([0, 0, 0, 1], 10)})
    y = X["kind"] == 1
    explainer = InfluenceExplainer(LogisticRegression()).fit(X, y)
    found = subgroup_influence(explainer, X, y, order="magnitude", n_groups=20)
    lost = [one for one in found if np.isnan(one.influence)]
    assert [one.name for one in lost] == ["kind = 1"]
    assert "no model without" in str(found)


def test_masks_of_frames_go_by_the_name_of_the_column(people):
    explainer, X_test, y_test = people
    one = subgroup_influence(explainer, X_test, y_test, n_groups=1)[0]
    np.testing.assert_array_equal(one.mask(X_test[X_test.columns[::-1]]), one.mask(X_test))
    np.testing.assert_array_equal(one.mask(X_test.to_numpy()), one.mask(X_test))
    with pytest.raises(ValueError, match=r"no column 'job'.*got \['age', 'town'\]"):
        one.mask(X_test.drop(columns="job"))


@pytest.mark.filterwarnings("ignore:.*NaN:RuntimeWarning")
def test_the_only_row_of_a_class_leaves_the_others_searched():
    rng = np.random.default_rng(6)
    X = np.column_stack([rng.normal(size=(150, 2)), np.arange(150) % 3])
    y = (X[:, 0] > 0).astype(int)
    wrong = np.where(X[:, 2] == 2, 1, y)
    wrong[0] = 2
    explainer = InfluenceExplainer(KNeighborsClassifier()).fit(X, wrong)
    found = subgroup_influence(explainer, X, y, n_groups=1, pairs=False)
    assert found[0].name == "x2 = 2"


@pytest.mark.parametrize("model", [GaussianNB(), KNeighborsClassifier(), LinearSVC()])
def test_models_without_a_hessian_and_hinges_are_searched_too(model):
    rng = np.random.default_rng(5)
    X, X_test = (np.column_stack([rng.normal(size=(n, 2)), np.arange(n) % 3]) for n in (150, 60))
    y, y_test = X[:, 0] > 0, X_test[:, 0] > 0
    y[X[:, 2] == 2] = True
    explainer = InfluenceExplainer(model, method="refit").fit(X, y)
    found = subgroup_influence(explainer, X_test, y_test, n_joint=12, pairs=False)
    assert "x2 = 2" in [one.name for one in found[:2]]
    assert found[0].influence < 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": "worst"}, "order='worst' is not known"),
        ({"n_bins": 1}, "n_bins=1"),
        ({"min_size": 0}, "min_size=0"),
        ({"table": np.zeros((3, 2))}, "table has 3 rows; expected 800"),
        ({"table": "people.csv"}, "the name of a file"),
    ],
)
def test_wrong_settings_are_refused(people, settings, message):
    explainer, X_test, y_test = people
    with pytest.raises(ValueError, match=message):
        subgroup_influence(explainer, X_test, y_test, **settings)
