"""Which labels are flagged, on tables small enough to count by hand."""

import numpy as np
import pytest

from skinfluence.labels._noise.classes import LabelNoise
from skinfluence.labels._sources.prediction import OutOfSamplePrediction

# Ten rows of two classes; the last of each class looks like the other one.
CODES = np.array([0] * 6 + [1] * 4)
SECOND = np.array([0.1, 0.1, 0.2, 0.2, 0.3, 0.9, 0.8, 0.9, 0.7, 0.1])
PROBA = np.column_stack([1 - SECOND, SECOND])


class Counted(LabelNoise):
    """A noise model with a number of wrong labels that is given."""

    n_wrong = 2.0


def model_of(quality, n_wrong=2.0, certain=False):
    """A noise model in which only probabilities, qualities and the number of wrong ones are set."""
    model = Counted(
        prediction=OutOfSamplePrediction(np.log(PROBA), None, None, "", None),
        codes=CODES,
        weight=np.ones(10),
        certain=certain,
        row_weight=np.ones(10),
        with_noise=False,
    )
    model.posterior[np.arange(10), CODES] = quality
    model.n_wrong = n_wrong
    return model


@pytest.fixture(name="model")
def fixture_model():
    return model_of(PROBA[np.arange(10), CODES])


def test_auto_flags_as_many_rows_as_are_counted_from_the_top_of_the_ranking(model):
    flagged, contamination = model.flag("auto")
    np.testing.assert_array_equal(np.flatnonzero(flagged), [5, 9])
    assert contamination == pytest.approx(0.2)


def test_no_row_is_flagged_whose_label_is_the_likeliest():
    quality = np.full(10, 0.5)
    quality[0] = 0.01  # least probable, but what the models say
    for contamination in ("auto", "strict"):
        flagged, _ = model_of(quality, n_wrong=9.0).flag(contamination)
        assert set(np.flatnonzero(flagged)) <= {5, 9}
    assert model_of(quality).flag(0.1)[0][0]  # who asks for a share


def test_strict_flags_only_where_the_posterior_is_sure():
    quality = np.full(10, 0.9)
    quality[[5, 9]] = [0.04, 0.06]
    flagged, contamination = model_of(quality).flag("strict")
    np.testing.assert_array_equal(np.flatnonzero(flagged), [5])
    assert contamination == pytest.approx(0.1)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.3, 3), (1.0, 10)])
def test_a_number_is_the_share_of_rows(model, share, expected):
    assert model.flag(share)[0].sum() == expected


def test_labels_that_are_known_to_be_right_are_never_flagged():
    model = model_of(PROBA[np.arange(10), CODES], certain=np.arange(10) == 5)
    for contamination in ("auto", "strict", 1.0):
        assert not model.flag(contamination)[0][5]
