"""Changed rows behind steps that give other rows in fit than in transform, or write on them."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    PolynomialFeatures,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from skinfluence import InfluenceExplainer
from skinfluence.perturbation import (
    UnsupportedStepError,
    perturbation_influence,
    register_vjp,
    replacement_influence,
)
from tests._cross_fitted import SAME_FOLDS

rng = np.random.default_rng(0)
frame = pd.DataFrame({"city": np.arange(80) % 9, "age": rng.normal(size=80)})
y = frame["city"].to_numpy() % 4 + frame["age"].to_numpy() + rng.normal(size=80)
encoder = make_column_transformer((TargetEncoder(**SAME_FOLDS), ["city"]), remainder="passthrough")
encoded = InfluenceExplainer(make_pipeline(encoder, Ridge())).fit(frame, y)
Z = clone(encoder).fit_transform(frame, y)
tests = encoded.estimator_[:-1].transform(frame[:3])


def losses(rows):
    return 0.5 * (Ridge().fit(rows, y).predict(tests) - y[:3]) ** 2


def test_derivatives_of_columns_past_a_cross_fitted_encoder_are_those_of_the_rows_in_fit():
    slopes = perturbation_influence(encoded, frame[:3], y[:3], rows=[4], features=["age"])
    up, down = Z.copy(), Z.copy()
    up[4, 1] += 1e-4
    down[4, 1] -= 1e-4
    assert_allclose(slopes[:, 0, 0], (losses(up) - losses(down)) / 2e-4, rtol=1e-6)


class Crossed(TargetEncoder):
    """A cross-fitted step with a derivative of its transform."""


@register_vjp(__name__, "Crossed", linear=True)
def crossed(step, X, V):
    return np.zeros((*V.shape[:-1], 1))


def test_derivatives_through_a_cross_fitted_column_are_refused():
    own = make_column_transformer((Crossed(**SAME_FOLDS), ["city"]), remainder="passthrough")
    explainer = InfluenceExplainer(make_pipeline(own, Ridge())).fit(frame, y)
    with pytest.raises(UnsupportedStepError, match="other values in fit than transform"):
        perturbation_influence(explainer, frame[:3], y[:3], rows=[4])
    assert perturbation_influence(explainer, frame[:3], rows=[4], features=[1]).shape == (3, 1, 1)


def test_a_replaced_row_is_that_of_transform_and_this_is_said():
    new = frame[10:11]
    with pytest.warns(RuntimeWarning, match="The new rows are those of transform"):
        effect = replacement_influence(encoded, [4], new, None, frame[:3], y[:3])
    replaced = Z.copy()
    replaced[4] = encoded.estimator_[:-1].transform(new)[0]
    assert_allclose(effect[:, 0], losses(replaced) - losses(Z), rtol=1e-9)


def test_derivatives_see_the_rows_as_given_where_a_step_writes_on_them():
    X = np.exp(rng.normal(size=(60, 3)))
    target = X[:, 0] + rng.normal(size=60)
    slopes = [
        perturbation_influence(
            InfluenceExplainer(
                make_pipeline(
                    StandardScaler(copy=copy),
                    PowerTransformer(copy=copy),
                    PolynomialFeatures(2, include_bias=False),
                    Ridge(),
                )
            ).fit(X, target),
            X[:3],
            target[:3],
            rows=[0, 7],
        )
        for copy in (True, False)
    ]
    assert_allclose(slopes[1], slopes[0], rtol=1e-9)
