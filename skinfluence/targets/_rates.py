"""Shares of test rows: accuracy, and gaps between groups of test rows."""

import numpy as np

from skinfluence._utils.checks import check_number
from skinfluence.targets._base import JointTarget
from skinfluence.targets._labels import label_codes
from skinfluence.targets._test_groups import read_test_groups
from skinfluence.targets._two_classes import SMOOTHING, TwoClassTarget, smooth_step, step_slope


class Accuracy(JointTarget):
    """Share of the test rows that are classified correctly.

    The mean of ``sigmoid(margin / temperature)``, the margin of a row being the decision value of
    its class minus the largest one of another class. For two classes it is the distance of the
    decision value from 0, on the side of the label.

    Parameters
    ----------
    temperature : float, default=0.1
        Margins well below it count in part. 0 counts rows: changes are then multiples of 1 / n_test
        and mostly zero, and first order takes the derivative at temperature 0.1.
    balanced : bool, default=False
        Mean of the shares of each class, as scikit-learn's balanced accuracy.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import Accuracy
    >>> X, y = load_iris(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X[::2], y[::2])
    >>> for temperature in (0.1, 0.0):
    ...     tests = explainer.test_rows(X[1::2], y[1::2], target=Accuracy(temperature))
    ...     print(f"{tests.value():.3f}")
    0.959
    0.960
    """

    codes: np.ndarray
    factors: np.ndarray

    def __init__(self, temperature=0.1, balanced=False):
        self.temperature = temperature
        self.balanced = balanced

    @property
    def name(self):  # type: ignore[override]
        return "balanced accuracy" if self.balanced else "accuracy"

    def bind(self, objective, raw, y_test):
        check_number("temperature", self.temperature, least=0.0)
        coding = objective.coding
        if not coding.is_classification or coding.n_labels > 1 or coding.votes_count:
            raise ValueError(
                "target=Accuracy is for classifiers of one label a row that predict the class of "
                'the largest decision value. Use target="loss".'
            )
        codes = label_codes("Accuracy", coding, y_test, len(raw))
        counts = np.bincount(codes) if self.balanced else np.full(len(coding.classes), len(codes))
        factors = 1.0 / counts[codes]
        return self._replace(codes=codes, factors=factors / factors.sum())

    def _margins(self, raw):
        """Margins (n,), and the place of the nearest other class; None for one output."""
        if raw.shape[1] == 1:
            return np.where(self.codes == 1, 1.0, -1.0) * raw[:, 0], None
        every, others = np.arange(len(raw)), raw.copy()
        others[every, self.codes] = -np.inf
        nearest = others.argmax(axis=1)
        return raw[every, self.codes] - others[every, nearest], nearest

    def value(self, raw):
        if np.isnan(raw).any():
            return np.nan
        return float(self.factors @ smooth_step(self._margins(raw)[0], self.temperature))

    def gradient(self, raw):
        margins, nearest = self._margins(raw)
        slopes = self.factors * step_slope(margins, self.temperature or SMOOTHING)
        if nearest is None:
            return (np.where(self.codes == 1, 1.0, -1.0) * slopes)[:, None]
        out, every = np.zeros(raw.shape), np.arange(len(raw))
        out[every, self.codes], out[every, nearest] = slopes, -slopes
        return out


class _RateGap(TwoClassTarget):
    """Difference of the shares of test rows predicted as the second class, between two groups."""

    what: str
    factors: np.ndarray

    def __init__(self, groups, *, between=None, temperature=0.1):
        self.groups = groups
        self.between = between
        self.temperature = temperature

    def _bound(self, raw, counted, whose):
        """Bound to the gap among the rows that a mask marks."""
        check_number("temperature", self.temperature, least=0.0)
        found = read_test_groups(type(self).__name__, self.groups, len(raw))
        found.check_not_empty(counted, whose)
        rates = found.means(smooth_step(self._scores(raw), self.temperature), counted)
        high, low = found.pair(self.between, rates)
        factors = found.shares(high, counted) - found.shares(low, counted)
        between = f"{found.names[high]} minus {found.names[low]}"
        return self._replace(factors=factors, name=f"{self.what}, {between}")

    def value(self, raw):
        return float(self.factors @ smooth_step(self._scores(raw), self.temperature))

    def gradient(self, raw):
        return self._spread(self.factors * step_slope(self._scores(raw), self._width), raw)

    def change(self, raw, moved):
        after = self.factors @ smooth_step(self._scores(raw[:, None] + moved), self.temperature)
        return after - self.value(raw)


class DemographicParityGap(_RateGap):
    """Difference between groups of test rows in the share that is predicted as the second class.

    Parameters
    ----------
    groups : array-like of shape (n_test,)
        Group of each test row.
    between : pair of labels, default=None
        The share of the first minus that of the second. By default the group of the largest share
        in the fitted model minus that of the smallest; the pair stays when the model changes.
    temperature : float, default=0.1
        A row counts by ``sigmoid(decision value / temperature)``. For logistic regression 1 gives
        the gap of the mean probabilities. 0 counts predictions; first order then takes the
        derivative at temperature 0.1.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.targets import DemographicParityGap
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=9999)).fit(X[::2], y[::2])
    >>> smooth = X[1::2, 4] < 0.1
    >>> tests = explainer.test_rows(X[1::2], target=DemographicParityGap(smooth))
    >>> print(tests.target.name, round(tests.value(), 3))
    demographic parity gap, True minus False 0.265
    """

    what = "demographic parity gap"

    def bind(self, objective, raw, y_test):
        self._check_model(objective)  # labels are not read
        return self._bound(raw, np.ones(len(raw), dtype=bool), "rows")


class EqualOpportunityGap(_RateGap):
    """Difference between groups of test rows in the true positive rate.

    The share predicted as the second class among the test rows of the second class (Hardt, Price
    and Srebro 2016).

    Parameters
    ----------
    groups : array-like of shape (n_test,)
        Group of each test row.
    between : pair of labels, default=None
        As for :class:`DemographicParityGap`.
    temperature : float, default=0.1
        As for :class:`DemographicParityGap`.

    References
    ----------
    M. Hardt, E. Price and N. Srebro, "Equality of opportunity in supervised learning", NeurIPS
    2016.
    """

    what = "equal opportunity gap"

    def bind(self, objective, raw, y_test):
        positive = self._read(objective, raw, y_test)
        return self._bound(raw, positive, "rows of the second class")
