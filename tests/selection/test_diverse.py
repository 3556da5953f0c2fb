"""Diverse influential rows: the lazy search against plain greedy and exhaustive search."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.spatial.distance import cdist, pdist
from sklearn import config_context
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skinfluence import InfluenceExplainer
from skinfluence.selection import _diversity, select_diverse
from skinfluence.selection._diverse import knee

RNG = np.random.default_rng(8)
N = 80
X = RNG.standard_normal((N + 20, 3)) * [1.0, 2.0, 0.5] + 3.0
Y = (X.sum(axis=1) + RNG.standard_normal(N + 20) > 9.0).astype(int)
X, X_TEST, Y, Y_TEST = X[:N], X[N:], Y[:N], Y[N:]
WEIGHTS = 0.5 + RNG.random(N)
TERMS = ("sum_redundancy", "facility_location", "mmd")
every_term = pytest.mark.parametrize("diversity", TERMS)


@pytest.fixture(scope="module")
def explainer():
    return InfluenceExplainer(LogisticRegression()).fit(X, Y)


def similarities(X, length_scale):
    return np.exp(-0.5 * cdist(X, X, "sqeuclidean") / length_scale**2)


def term_value(name, S, similar, n_select, weight):
    """R(S) as the thesis writes it (its section 6.2), scaled to at most 1."""
    S = list(S)
    pairs = similar[np.ix_(S, S)].sum()
    if name == "sum_redundancy":  # kappa - sum, shifted and scaled
        return 1.0 - pairs / n_select**2
    if not S:
        return 0.0
    if name == "facility_location":
        return weight @ similar[:, S].max(axis=1)
    return 2.0 / len(S) * (weight @ similar[:, S]).sum() - pairs / len(S) ** 2


def objective(S, scores, gamma, scale, **term):
    return scores[list(S)].sum() / scale + gamma * term_value(S=S, **term)


def plain_greedy(scores, n_select, gamma, scale, **term):
    """Every candidate looked at for every pick; of equal ones the first."""
    S, gains = [], []
    for _ in range(n_select):
        before = objective(S, scores, gamma, scale, n_select=n_select, **term)
        after = np.array(
            [
                -np.inf
                if i in S
                else objective([*S, i], scores, gamma, scale, n_select=n_select, **term)
                for i in range(len(scores))
            ]
        )
        S.append(int(np.flatnonzero(after >= after.max() - 1e-12)[0]))
        gains.append(after.max() - before)
    return np.array(S), np.array(gains)


def term_of(name, X=X, length_scale=1.5, weights=None):
    weights = np.ones(len(X)) if weights is None else weights
    return {
        "name": name,
        "similar": similarities(X, length_scale),
        "weight": weights / weights.sum(),
    }


@every_term
@pytest.mark.parametrize("gamma", [0.0, 0.3, 4.0, 50.0])
def test_the_lazy_search_picks_what_plain_greedy_picks(explainer, diversity, gamma):
    found = select_diverse(
        explainer, 12, X_TEST, Y_TEST, diversity=diversity, gamma=gamma, length_scale=1.5
    )
    scale = np.sort(found.scores)[-12:].sum()
    rows, gains = plain_greedy(found.scores, 12, gamma, scale, **term_of(diversity))
    assert (found.rows == rows).all()
    assert_allclose(found.gains, gains, rtol=1e-8, atol=1e-10)


@every_term
def test_both_parts_of_the_objective_are_those_of_the_definition_after_each_pick(
    explainer, diversity
):
    found = select_diverse(
        explainer, 9, X_TEST, Y_TEST, diversity=diversity, gamma=2.0, length_scale=1.5
    )
    scale = np.sort(found.scores)[-9:].sum()
    term = term_of(diversity)
    for j in range(9):
        S = found.rows[: j + 1]
        assert_allclose(found.influence[j], found.scores[S].sum() / scale)
        assert_allclose(found.diversity[j], term_value(S=S, n_select=9, **term), atol=1e-10)
    assert_allclose(found.objective, found.influence + 2.0 * found.diversity)
    start = 2.0 * term_value(S=[], n_select=9, **term)
    assert_allclose(start + np.cumsum(found.gains), found.objective)


@pytest.mark.parametrize("seed", range(6))
@every_term
def test_greedy_reaches_63_percent_of_the_best_set(diversity, seed):
    """The bound of Nemhauser, Wolsey & Fisher: promised for facility location, met by all here."""
    rng = np.random.default_rng(seed)
    few, y = rng.standard_normal((11, 2)), np.arange(11) % 2
    explainer = InfluenceExplainer(LogisticRegression()).fit(few, y)
    scores = rng.exponential(size=11) ** 2
    found = select_diverse(
        explainer, 4, scores=scores, diversity=diversity, gamma=1.5, length_scale=0.8
    )
    scale = np.sort(scores)[-4:].sum()
    term = term_of(diversity, few, 0.8)
    values = [
        objective(S, scores, 1.5, scale, n_select=4, **term) for S in combinations(range(11), 4)
    ]
    reached = found.objective[-1]
    assert reached <= max(values) + 1e-12
    assert reached >= (1.0 - 1.0 / np.e) * max(values)


def test_exhaustive_search_can_beat_greedy():
    """So that the bound above is tested on cases in which it is not met with equality."""
    beaten = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        few, y = rng.standard_normal((11, 2)), np.arange(11) % 2
        explainer = InfluenceExplainer(LogisticRegression()).fit(few, y)
        scores = rng.exponential(size=11)
        found = select_diverse(
            explainer, 4, scores=scores, diversity="facility_location", gamma=4.0, length_scale=0.8
        )
        scale = np.sort(scores)[-4:].sum()
        term = term_of("facility_location", few, 0.8)
        best = max(
            objective(S, scores, 4.0, scale, n_select=4, **term) for S in combinations(range(11), 4)
        )
        beaten += found.objective[-1] < best - 1e-9
    assert beaten > 0


@pytest.mark.parametrize("gamma", [0.5, 10.0])
def test_facility_location_is_monotone_and_its_gains_fall(explainer, gamma):
    found = select_diverse(
        explainer, 40, X_TEST, Y_TEST, diversity="facility_location", gamma=gamma
    )
    assert (found.gains >= 0.0).all()
    assert (np.diff(found.objective) >= -1e-12).all()
    assert (np.diff(found.diversity) >= 0.0).all()
    assert (np.diff(found.gains) <= 1e-12).all()


def test_sum_redundancy_falls_with_every_pick_and_its_gains_fall(explainer):
    found = select_diverse(explainer, 40, X_TEST, Y_TEST, diversity="sum_redundancy", gamma=10.0)
    assert (np.diff(found.diversity) < 0.0).all()
    assert (np.diff(found.gains) <= 1e-12).all()
    assert found.gains[-1] < 0.0  # so the objective is not monotone


def test_sum_redundancy_is_monotone_while_scores_outweigh_the_penalty(explainer):
    """A pick loses at most gamma (2 m - 1) / m^2: scores above that keep the objective rising."""
    scores = np.full(N, 1.0) + RNG.random(N)
    found = select_diverse(explainer, 10, scores=scores, diversity="sum_redundancy", gamma=0.2)
    least = scores.min() / np.sort(scores)[-10:].sum()
    assert 0.2 * (2 * 10 - 1) / 10**2 < least
    assert (found.gains > 0.0).all()


def test_mmd_can_fall_and_its_gains_can_rise(explainer):
    found = select_diverse(explainer, 40, X_TEST, Y_TEST, diversity="mmd", gamma=10.0)
    assert (np.diff(found.gains) > 1e-6).any()


@every_term
def test_without_a_trade_off_the_rows_of_largest_scores_are_picked(explainer, diversity):
    found = select_diverse(explainer, 15, X_TEST, Y_TEST, diversity=diversity, gamma=0.0)
    assert (found.rows == np.argsort(-found.scores, kind="stable")[:15]).all()
    assert found.influence[-1] == pytest.approx(1.0)


def test_a_larger_trade_off_gives_more_diverse_and_less_influential_rows(explainer):
    def parts(gamma):
        found = select_diverse(explainer, 10, X_TEST, Y_TEST, gamma=gamma, length_scale=1.5)
        return found.influence[-1], np.mean(pdist(X[found.rows]))

    influence, distance = np.array([parts(gamma) for gamma in (0.0, 2.0, 30.0)]).T
    assert (np.diff(influence) < 0.0).all()
    assert (np.diff(distance) > 0.0).all()


@pytest.mark.parametrize(
    ("order", "sign"), [("magnitude", np.abs), ("helpful", np.positive), ("harmful", np.negative)]
)
def test_scores_are_influences_summed_over_the_test_rows(explainer, order, sign):
    found = select_diverse(explainer, 3, X_TEST, Y_TEST, order=order, gamma=1.0)
    summed = explainer.influence(X_TEST, Y_TEST, method="first_order").sum(axis=0)
    assert_allclose(found.scores, sign(summed), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("settings", [{"penalty_scaling": "mean"}, {"solver": "cg"}])
def test_summed_influences_of_balanced_classes(settings):
    estimator = LogisticRegression(class_weight="balanced")
    made = InfluenceExplainer(estimator, **settings).fit(X, Y, WEIGHTS)
    found = select_diverse(made, 3, X_TEST, Y_TEST, order="helpful", gamma=1.0)
    summed = made.influence(X_TEST, Y_TEST, method="first_order").sum(axis=0)
    assert_allclose(found.scores, summed, rtol=1e-6, atol=1e-9)


def test_without_test_rows_scores_are_self_influences(explainer):
    found = select_diverse(explainer, 3, gamma=1.0)
    assert_allclose(found.scores, explainer.self_influence(method="first_order"))


def test_regression_without_labels_sums_predicted_values():
    made = InfluenceExplainer(Ridge()).fit(X, X @ [1.0, -1.0, 2.0] + RNG.standard_normal(N))
    found = select_diverse(made, 3, X_TEST, order="helpful", gamma=1.0)
    assert_allclose(found.scores, made.influence(X_TEST, method="first_order").sum(axis=0))


def test_scores_that_are_all_zero_or_negative_can_be_ranked(explainer):
    zero = select_diverse(explainer, 5, scores=np.zeros(N), gamma=0.0)
    assert zero.rows.tolist() == [0, 1, 2, 3, 4]
    negative = -1.0 - np.arange(N)[::-1]
    found = select_diverse(explainer, 5, scores=negative, gamma=0.0)
    assert found.rows.tolist() == [79, 78, 77, 76, 75]
    assert (found.gains < 0.0).all()


@every_term
def test_equal_rows_are_taken_by_row_number(diversity):
    copies = np.tile(X[:10], (6, 1))
    made = InfluenceExplainer(LogisticRegression()).fit(copies, np.tile(Y[:10], 6))
    found = select_diverse(made, 20, X_TEST, Y_TEST, diversity=diversity, gamma=3.0)
    for original in range(10):
        taken = found.rows[found.rows % 10 == original] // 10
        assert (taken == np.arange(len(taken))).all()


@every_term
def test_the_order_of_the_training_rows_does_not_matter(explainer, diversity):
    order = RNG.permutation(N)
    other = InfluenceExplainer(LogisticRegression()).fit(X[order], Y[order])
    settings = {"diversity": diversity, "gamma": 2.0}
    expected = select_diverse(explainer, 10, X_TEST, Y_TEST, **settings)
    found = select_diverse(other, 10, X_TEST, Y_TEST, **settings)
    assert (order[found.rows] == expected.rows).all()
    assert found.length_scale == pytest.approx(expected.length_scale)


@every_term
def test_blocks_do_not_matter(explainer, diversity):
    settings = {"diversity": diversity, "gamma": 2.0}
    expected = select_diverse(explainer, 10, X_TEST, Y_TEST, **settings)
    with config_context(working_memory=0.01):
        found = select_diverse(explainer, 10, X_TEST, Y_TEST, **settings)
    assert (found.rows == expected.rows).all()


@every_term
@pytest.mark.parametrize("form", ["sparse", "float32", "frame"])
def test_the_type_of_the_table_does_not_matter(explainer, diversity, form):
    make = {
        "sparse": sparse.csr_array,
        "float32": lambda X: X.astype(np.float32),
        "frame": lambda X: pd.DataFrame(X, columns=list("abc")),
    }[form]
    other = InfluenceExplainer(LogisticRegression()).fit(make(X), Y)
    settings = {"diversity": diversity, "gamma": 2.0}
    expected = select_diverse(explainer, 10, X_TEST, Y_TEST, **settings)
    found = select_diverse(other, 10, make(X_TEST), Y_TEST, **settings)
    assert (found.rows == expected.rows).all()
    assert_allclose(found.diversity, expected.diversity, rtol=1e-5)


def test_distances_are_those_of_the_last_step_of_a_pipeline():
    made = InfluenceExplainer(make_pipeline(StandardScaler(), LogisticRegression())).fit(X, Y)
    found = select_diverse(made, 5, X_TEST, Y_TEST, gamma=1.0)
    assert found.length_scale == pytest.approx(np.median(pdist(StandardScaler().fit_transform(X))))


def test_the_median_distance_of_equal_rows_only_is_one():
    made = InfluenceExplainer(LogisticRegression()).fit(np.ones((10, 2)), np.arange(10) % 2)
    assert select_diverse(made, 5, gamma=1.0).length_scale == 1.0


SHORT, LONG = (5e-324, 1e-200, 1e-9), (1e9, 1e200, 1e308)


@every_term
@pytest.mark.parametrize("table", ["different", "copies", "all-equal"])
@pytest.mark.parametrize("length_scale", [*SHORT, *LONG])
def test_extreme_length_scales_are_the_limits(diversity, table, length_scale):
    """Short: rows are alike where they are equal. Long: all rows are alike."""
    some = {"different": X[:30], "copies": np.tile(X[:10], (3, 1)), "all-equal": np.ones((30, 3))}
    rows = some[table] * 100.0
    made = InfluenceExplainer(LogisticRegression(C=1e-4)).fit(rows, np.arange(30) % 2)
    scores = 1.0 + np.arange(30) % 7
    settings = {"scores": scores, "diversity": diversity, "length_scale": length_scale}
    found = select_diverse(made, 6, gamma=2.0, **settings)
    equal = (rows[:, None] == rows).all(axis=2) * 1.0
    similar = np.ones((30, 30)) if length_scale in LONG else equal
    term = {"name": diversity, "similar": similar, "weight": np.full(30, 1.0 / 30.0)}
    scale = np.sort(scores)[-6:].sum()
    expected, gains = plain_greedy(scores, 6, 2.0, scale, **term)
    assert (found.rows == expected).all()
    assert_allclose(found.gains, gains, rtol=1e-9, atol=1e-12)
    assert found.length_scale == length_scale
    assert np.isfinite(select_diverse(made, 6, **settings).diversity).all()  # gamma="auto"


@pytest.mark.parametrize("form", [sparse.csr_array, np.float32])
def test_short_length_scales_know_equal_rows_in_sparse_and_in_float32_tables(form):
    rows = form(np.tile(X[:10], (3, 1)) * 37.0)
    made = InfluenceExplainer(LogisticRegression(C=1e-4)).fit(rows, np.arange(30) % 2)
    found = select_diverse(
        made, 10, scores=np.ones(30), gamma=1.0, length_scale=1e-9, diversity="facility_location"
    )
    assert sorted(found.rows % 10) == list(range(10))
    assert_allclose(found.diversity, np.arange(1, 11) / 10.0)


def test_only_the_rows_that_are_asked_for_are_picked_and_stood_for(explainer):
    rows = np.flatnonzero(Y == 1)
    found = select_diverse(
        explainer,
        6,
        X_TEST,
        Y_TEST,
        rows=Y == 1,
        diversity="facility_location",
        gamma=3.0,
        length_scale=1.5,
    )
    scores = found.scores[rows]
    scale = np.sort(scores)[-6:].sum()
    term = term_of("facility_location", X[rows])
    expected, _ = plain_greedy(scores, 6, 3.0, scale, **term)
    assert (found.rows == rows[expected]).all()


@every_term
def test_reference_rows_count_by_their_weight_and_rows_of_weight_zero_are_not_there(diversity):
    weights = WEIGHTS.copy()
    weights[:5] = 0.0
    made = InfluenceExplainer(LogisticRegression()).fit(X, Y, weights)
    found = select_diverse(
        made, 8, X_TEST, Y_TEST, diversity=diversity, gamma=5.0, length_scale=1.5
    )
    assert found.rows.min() >= 5
    there = np.arange(5, N)
    scale = np.sort(found.scores)[-8:].sum()
    term = term_of(diversity, X[there], weights=weights[there])
    expected, _ = plain_greedy(found.scores[there], 8, 5.0, scale, **term)
    assert (found.rows == there[expected]).all()


def test_all_rows_can_be_picked(explainer):
    found = select_diverse(explainer, N, X_TEST, Y_TEST, gamma=1.0)
    assert (np.sort(found.rows) == np.arange(N)).all()


@pytest.mark.parametrize("diversity", ["facility_location", "mmd"])
def test_a_sample_of_reference_rows_estimates_the_mean_over_all(diversity):
    rng = np.random.default_rng(0)
    many = rng.standard_normal((1500, 3))
    made = InfluenceExplainer(LogisticRegression()).fit(many, many[:, 0] + rng.random(1500) > 0.5)
    settings = {"diversity": diversity, "gamma": 8.0, "length_scale": 1.5}
    full = select_diverse(made, 10, n_reference=None, **settings)
    some = select_diverse(made, 10, n_reference=300, **settings)
    again = select_diverse(made, 10, n_reference=300, random_state=0, **settings)
    other = select_diverse(made, 10, n_reference=300, random_state=1, **settings)
    assert (some.rows == again.rows).all()
    assert (some.diversity != other.diversity).all()
    # what the picks of the sample are worth with all rows
    term = term_of(diversity, many)
    worth = some.influence[-1] + 8.0 * term_value(S=some.rows, n_select=10, **term)
    assert worth >= 0.99 * full.objective[-1]
    assert abs(some.objective[-1] - worth) < 8.0 * 3.0 * 0.5 / np.sqrt(300)


def test_the_search_looks_at_few_candidates(monkeypatch):
    rng = np.random.default_rng(0)
    many = rng.standard_normal((5000, 4))
    made = InfluenceExplainer(LogisticRegression()).fit(many, many[:, 0] + rng.random(5000) > 0.5)
    looked = []
    original = _diversity.SumRedundancy.refresh

    def counted(self, places):
        looked.append(len(places))
        return original(self, places)

    monkeypatch.setattr(_diversity.SumRedundancy, "refresh", counted)
    select_diverse(made, 50, gamma=1.0)
    assert sum(looked) < 0.2 * 50 * 5000


def test_auto_takes_the_knee_of_the_path(explainer):
    found = select_diverse(explainer, 10, X_TEST, Y_TEST)
    path = found.path
    assert len(path["gamma"]) == len(path["influence"]) == len(path["diversity"])
    best = knee(path["influence"], path["diversity"])
    assert found.gamma == path["gamma"][best]
    assert found.influence[-1] == pytest.approx(path["influence"][best])
    assert found.diversity[-1] == pytest.approx(path["diversity"][best])
    again = select_diverse(explainer, 10, X_TEST, Y_TEST, gamma=found.gamma)
    assert (again.rows == found.rows).all()
    assert again.path is None


def test_the_knee_is_where_both_rescaled_parts_have_the_largest_sum():
    assert knee(np.array([1.0, 0.95, 0.5, 0.0]), np.array([0.2, 0.28, 0.3, 0.3])) == 1
    assert knee(np.array([1.0, 0.9]), np.array([0.5, 0.5])) == 0  # diversity cannot be had


def test_global_random_state_is_left_alone(explainer):
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    select_diverse(explainer, 5, X_TEST, Y_TEST, diversity="mmd", n_reference=20, gamma=1.0)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"diversity": "dpp"}, r"diversity='dpp' is not known. Expected one of \['sum_red"),
        ({"gamma": -1.0}, "gamma=-1.0. Expected 'auto' or a finite number >= 0"),
        ({"gamma": np.nan}, "gamma=nan. Expected"),
        ({"gamma": "best"}, "gamma='best'. Expected 'auto'"),
        ({"gamma": True}, "gamma=True. Expected"),
        ({"order": "largest"}, "order='largest' is not known"),
        ({"length_scale": 0}, "length_scale=0. Expected 'median' or a finite number > 0"),
        ({"length_scale": 10**400}, "length_scale=1000.*Expected 'median' or a finite number > 0"),
        ({"length_scale": np.inf}, "length_scale=inf. Expected 'median' or a finite number > 0"),
        ({"n_reference": 0}, "n_reference=0. Expected a whole number"),
        ({"n_select": 0}, "n_select=0. Expected a whole number"),
        ({"n_select": N + 1}, "there are 80 training rows of positive weight"),
        ({"rows": [1, 2]}, "there are 2 training rows"),
        ({"rows": [N]}, "rows holds numbers from 80 to 80"),
        ({"scores": np.ones(N)}, "scores and test rows are both given"),
        ({"X_test": None}, "y_test is given without X_test"),
        ({"target": "odds"}, "target='odds' is not known"),
        ({"X_test": X_TEST[:0], "y_test": Y_TEST[:0]}, "minimum of 1 is required"),
        ({"X_test": np.full((20, 3), np.nan)}, "NaN"),
        ({"y_test": Y_TEST + 5}, "label"),
    ],
)
def test_wrong_settings_are_refused(explainer, settings, message):
    arguments = {"n_select": 5, "X_test": X_TEST, "y_test": Y_TEST} | settings
    with pytest.raises(ValueError, match=message):
        select_diverse(explainer, **arguments)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.ones(3), r"scores has shape \(3,\); expected \(80,\)"),
        (np.ones((N, 2)), "scores has shape"),
        (np.full(N, np.inf), "infinity"),
    ],
)
def test_wrong_scores_are_refused(explainer, scores, message):
    with pytest.raises(ValueError, match=message):
        select_diverse(explainer, 5, scores=scores)


def test_anything_but_a_fitted_explainer_is_refused():
    with pytest.raises(TypeError, match="expected an InfluenceExplainer"):
        select_diverse(LogisticRegression(), 5)
    with pytest.raises(NotFittedError):
        select_diverse(InfluenceExplainer(), 5)
