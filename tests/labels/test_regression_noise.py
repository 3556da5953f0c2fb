"""Wrong values of a regression target: found, doubted softly, and none found where none are."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score

from skinfluence import CleanedRegressor, LabelFlagger
from skinfluence.labels._noise.values import _prediction_variance
from tests.labels._quick import quick
from tests.labels._targets import noise_of

from ._ridge_source import RidgeSource

COEF = np.array([3.0, 2.0, 1.0, 0.5, 0.0])


def make_rows(n=400, seed=0, noise="normal"):
    """Rows, a linear signal and right values with noise of scale about one."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, len(COEF)))
    signal = X @ COEF
    errors = {
        "normal": lambda: rng.standard_normal(n),
        "heavy": lambda: rng.standard_t(3, n),
        "uneven": lambda: rng.standard_normal(n) * np.exp(signal / 4),
    }
    return X, signal, signal + errors[noise]()


def make_wrong(y, rate, seed=0, least=2.0):
    """Move a share of the values by `least` to 4 standard deviations."""
    rng = np.random.default_rng(seed)
    wrong = np.zeros(len(y), dtype=bool)
    wrong[rng.choice(len(y), round(rate * len(y)), replace=False)] = True
    moves = rng.choice([-1.0, 1.0], len(y)) * rng.uniform(least, 4.0, len(y)) * y.std()
    return np.where(wrong, y + moves, y), wrong


def place(found):
    """Place of each row from the least to the most suspicious, the higher the worse."""
    return np.lexsort((found.tie_break, found.wrong_probability)).argsort()


def judge(X, y, weight=None, **settings):
    return noise_of(RidgeSource(X, y), y, weight, **{"max_iter": 5, **settings})


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_wrong_values_are_flagged_and_right_ones_are_not(rate):
    X, _, y = make_rows()
    y, wrong = make_wrong(y, rate)
    flagged, contamination = judge(X, y).flag("auto")
    assert (flagged & wrong).sum() >= 0.95 * wrong.sum()
    assert (flagged & wrong).sum() >= 0.85 * flagged.sum()
    assert contamination == pytest.approx(rate, rel=0.2)


@pytest.mark.parametrize("estimator", [LinearRegression(), None])
@pytest.mark.parametrize("noise", [0.01, 1e-5, 1e-9, 0.0])
def test_values_off_an_exact_law_are_found(noise, estimator):
    rng = np.random.default_rng(0)
    X, wrong = rng.uniform(-1, 1, (200, 3)), np.arange(200) < 20
    y = X @ [20.0, -10.0, 5.0] + noise * rng.normal(size=200)
    y[wrong] += rng.choice([-1, 1], 20) * rng.uniform(5, 20, 20)
    found = quick(estimator).fit(X, y)
    assert_array_equal(found.flagged_, wrong)
    assert_array_equal(np.sort(found.ranking_[:20]), np.arange(20))
    assert found.label_quality_[wrong].max() < 1e-6
    assert found.noise_rate_ == found.contamination_ == 0.1
    cleaned = CleanedRegressor(LinearRegression(), quick(estimator), action="drop").fit(X, y)
    assert_allclose(cleaned.estimator_.coef_, [20, -10, 5], atol=max(noise, 1e-9))


@pytest.mark.parametrize("step", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("wrong", [0, 20])
def test_rounded_values_are_right(step, wrong):
    rng = np.random.default_rng(0)
    X, off = rng.uniform(-1, 1, (200, 3)), np.arange(200) < wrong
    y = X @ [20.0, -10.0, 5.0] + np.where(off, rng.choice([-40.0, 40.0], 200), 0.0)
    found = LabelFlagger(LinearRegression()).fit(X, step * np.round(y / step))
    assert_array_equal(found.flagged_, off)


def test_a_constant_target_is_right_except_where_it_changes():
    X, y = np.random.default_rng(0).uniform(-1, 1, (200, 3)), np.full(200, 0.1)
    assert not LabelFlagger(LinearRegression()).fit(X, y).flagged_.any()
    y[:3] = 2.5
    with pytest.warns(UserWarning, match="no better than their median"):
        found = LabelFlagger(LinearRegression()).fit(X, y)
    assert_array_equal(np.flatnonzero(found.flagged_), [0, 1, 2])


DRAWN = {
    "normal": lambda rng: rng.normal(size=300),
    "uniform": lambda rng: rng.random(300),
    "two heaps": lambda rng: rng.normal(size=300) + 8.0 * (rng.random(300) < 0.3),
    "exponential": lambda rng: rng.exponential(size=300),
    "log-normal": lambda rng: rng.lognormal(size=300),
    "t": lambda rng: rng.standard_t(2, 300),
    "Cauchy": lambda rng: rng.standard_cauchy(300),
}


@pytest.mark.parametrize("drawn", DRAWN)
def test_values_that_have_nothing_to_do_with_X_are_not_flagged(drawn):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 3)), DRAWN[drawn](rng)
    assert LabelFlagger(LinearRegression()).fit(X, y).flagged_.mean() <= 0.01


def test_far_values_of_a_target_that_X_does_not_explain_are_flagged_with_a_warning():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.exponential(size=200) * (rng.random(200) < 0.1)
    with pytest.warns(UserWarning, match="no better than their median does: .* may be right"):
        found = LabelFlagger(LinearRegression()).fit(X, y)
    assert found.flagged_.sum() <= (y > 0).sum()
    assert np.isnan(found.expected_gain_)  # rows that are only unusual promise no gain
    assert found.summary().gain_in_words == ""


def test_the_share_of_wrong_values_has_an_error():
    off = []
    for seed in range(10):
        X, _, y = make_rows(seed=seed)
        y, wrong = make_wrong(y, 0.1, seed, least=0.5)
        rate, error = judge(X, y).rate
        off.append((rate - wrong.mean()) / error)
    assert np.mean(np.abs(off) < 2.0) >= 0.9


@pytest.mark.parametrize("noise", ["normal", "heavy", "uneven"])
@pytest.mark.parametrize("seed", range(3))
def test_hardly_any_right_value_is_flagged_when_none_is_wrong(noise, seed):
    X, _, y = make_rows(seed=seed, noise=noise)
    found = judge(X, y)
    assert found.flag("auto")[0].mean() < 0.01
    assert found.rate[0] < 0.01


def test_where_noise_is_uneven_the_scale_of_the_row_counts():
    X, _, y = make_rows(n=1_000, noise="uneven")
    y, wrong = make_wrong(y, 0.1, least=0.5)
    found = judge(X, y)
    plain = np.abs(y - found.prediction.value)
    gain = average_precision_score(wrong, place(found)) - average_precision_score(wrong, plain)
    assert gain > 0.05


def test_a_value_is_suggested_that_is_closer_to_the_truth_than_a_plain_fit_says():
    X, signal, y = make_rows()
    y = y + np.where(np.arange(400) % 5 == 0, 40.0, 0.0)  # all to one side
    robust, plain = judge(X, y), judge(X, y, noise_model=False)
    off = [np.sqrt(np.mean((found.prediction.value - signal) ** 2)) for found in (robust, plain)]
    assert off[0] < 0.2 * off[1]
    assert plain.n_iter == 1


def test_suggested_values_are_predictions_without_the_row():
    X, _, y = make_rows(n=60)
    y, _ = make_wrong(y, 0.1)
    found = judge(X, y)
    for row in (0, 7, 30):
        weight = found.row_weight.copy()
        weight[row] = 0.0
        refit = LinearRegression().fit(X, y, sample_weight=weight)
        # the source's ridge penalty is 1e-3
        assert_allclose(found.prediction.value[row], refit.predict(X[[row]])[0], atol=1e-3)


def test_an_error_is_measured_with_the_variance_of_its_prediction():
    X, _, y = make_rows(n=40)
    X[0] = [30.0, -30.0, 0.0, 30.0, 0.0]  # far from all others
    y[0] = X[0] @ COEF
    found = judge(X, y, noise_model=False)
    Z = np.column_stack([np.ones(39), X[1:]])
    z = np.r_[1.0, X[0]]
    q = z @ np.linalg.solve(Z.T @ Z, z)
    error = y[0] - found.prediction.value[0]
    assert_allclose(
        found.tie_break[0],
        abs(error) / found.attributes()["noise_scale_"] / np.sqrt(1 + q),
        rtol=1e-3,
    )


def test_leverage_is_read_whatever_the_row_weights():
    # the variance of a prediction without the row does not depend on the row's own weight
    X, _, y = make_rows(n=50)
    weight = np.linspace(0.5, 2.0, 50)
    variances = []
    for own in (1e-6, 1.0, 3.0):
        weight[4] = own
        leverage = RidgeSource(X, y).fit(weight).leverage
        variances.append(_prediction_variance(leverage, weight)[4])
    assert_allclose(variances, variances[1], rtol=1e-6)


def test_a_source_that_knows_no_leverage_is_taken():
    X, _, y = make_rows()
    y, wrong = make_wrong(y, 0.1)

    class Mute(RidgeSource):
        def fit(self, weight):
            prediction = super().fit(weight)
            return type(prediction)(prediction.value, prediction.predict, None, "mute", None)

    found = noise_of(Mute(X, y), y)
    assert average_precision_score(wrong, place(found)) > 0.99


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e6])
def test_the_unit_of_the_target_does_not_matter(factor):
    X, _, y = make_rows(n=200)
    y, _ = make_wrong(y, 0.1)
    found, other = judge(X, y), judge(X, factor * y + 7.0 * factor)
    assert_allclose(other.wrong_probability, found.wrong_probability, atol=1e-4)
    assert_allclose(
        other.attributes()["noise_scale_"], factor * found.attributes()["noise_scale_"], rtol=1e-3
    )
    assert_allclose(other.mixture.wide, factor * found.mixture.wide, rtol=1e-3)


def test_scores_keep_apart_what_the_probability_rounds_to_one():
    X, signal, y = make_rows(n=300)
    y[:2] = signal[:2] + np.array([300.0, 3_000.0])
    found = judge(X, y)
    assert_array_equal(found.wrong_probability[:2], 1.0)
    assert place(found)[2:].max() < place(found)[0] < place(found)[1]


def test_new_rows_are_judged_by_the_same_densities():
    X, _, y = make_rows(n=2_000)
    y, _ = make_wrong(y, 0.1)
    found = judge(X, y)
    X_new, signal, _ = make_rows(n=3, seed=1)
    quality, *_ = found.of_new_rows(X_new, signal + np.array([0.0, 2.0, 20.0]))
    assert_allclose(quality, [1.0, 0.95, 0.0], atol=0.1)


def test_fits_are_counted_and_limited():
    X, _, y = make_rows()
    y, _ = make_wrong(y, 0.3)
    for limit in (1, 2, 5):
        source = RidgeSource(X, y)
        found = noise_of(source, y, max_iter=limit)
        assert found.n_iter == len(source.weights) <= limit
        assert_array_equal(found.row_weight, source.weights[-1])


def test_row_weights_are_shares_of_the_given_weights():
    X, _, y = make_rows()
    y, wrong = make_wrong(y, 0.1)
    weight = np.random.default_rng(0).uniform(1.0, 3.0, len(y))
    source = RidgeSource(X, y)
    found = noise_of(source, y, weight, max_iter=5)
    assert_allclose(found.row_weight * weight, source.weights[-1])
    assert found.row_weight[wrong].mean() < 0.1 < 0.9 < found.row_weight[~wrong].mean()
    assert 0.0 <= found.row_weight.min() and found.row_weight.max() <= 1.0


def test_strict_flags_some_of_what_auto_flags():
    X, _, y = make_rows()
    y, _ = make_wrong(y, 0.2, least=0.2)
    found = judge(X, y)
    strict, auto = (found.flag(name)[0] for name in ("strict", "auto"))
    assert 0 < strict.sum() < auto.sum()
    assert not (strict & ~auto).any()


def test_a_float_flags_that_share_of_the_rows_in_question():
    X, _, y = make_rows(n=100)
    y[:20] += 100.0
    found = judge(X, y, certain=np.arange(100) >= 80)
    flagged, contamination = found.flag(0.1)
    assert flagged[:80].sum() == 8 and not flagged[80:].any()
    assert contamination == 0.1
    assert place(found)[:80][flagged[:80]].min() >= place(found)[:80][~flagged[:80]].max()


def test_a_target_without_noise_has_only_its_broken_rows_wrong():
    X, _, _ = make_rows(n=50)
    y = np.zeros(50)
    y[3] = 5.0

    class Zero(RidgeSource):
        def fit(self, weight):
            prediction = super().fit(weight)
            return type(prediction)(np.zeros(50), prediction.predict, None, "zero", None)

    with pytest.warns(UserWarning, match="no better than their median .* 0, against 0. The 1 val"):
        found = noise_of(Zero(X, y), y)
    assert_array_equal(np.flatnonzero(found.wrong_probability > 1e-3), [3])
    assert found.mixture.scale(0.0) < 1e-10
    assert found.tie_break.argmax() == 3 and np.isfinite(found.tie_break).all()


@pytest.mark.parametrize("n", [2, 3, 8])
def test_few_rows_are_judged_without_warnings(n):
    X, _, y = make_rows(n=n)
    found = noise_of(RidgeSource(X, y, alpha=1.0), y)
    assert np.isfinite(found.wrong_probability).all() and np.isfinite(found.tie_break).all()


def test_the_given_arrays_are_left_as_they_were():
    X, _, y = make_rows(n=100)
    weight = np.ones(100)
    before = y.copy(), weight.copy()
    judge(X, y, weight)
    assert_array_equal(y, before[0])
    assert_array_equal(weight, before[1])
