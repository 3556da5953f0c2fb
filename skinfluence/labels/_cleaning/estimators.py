"""CleanedClassifier and CleanedRegressor: judge the labels, then learn from what is left."""

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model import Ridge

from skinfluence.explainer._delegation import EstimatorDelegation
from skinfluence.labels._cleaning.learning import Cleaned

__all__ = ["CleanedClassifier", "CleanedRegressor"]


class CleanedClassifier(Cleaned, ClassifierMixin, EstimatorDelegation):
    """Learn from labels of which some are wrong: judge them first, then fit.

    `fit` fits the flagger, acts on what it found, and fits the estimator to what is left. It works
    wherever a classifier does: in pipelines, and in searches over ``flagger__damping``,
    ``flagger__contamination``, ``estimator__C`` or `action`.

    Parameters
    ----------
    estimator : estimator, default=None
        A classifier of any kind; None stands for ``LogisticRegression()``.
    flagger : LabelFlagger, default=None
        Judges the labels; None stands for ``LabelFlagger()``.
    action : {"auto", "drop", "reweight", "relabel", "none"}, default="auto"
        What is done about labels that are probably wrong:

        - "auto": "drop", "reweight" or "none", whichever predicts rows left out best (see Notes);
          "reweight" only where the estimator takes sample weights;
        - "drop": flagged rows are left out;
        - "reweight": each row counts by its label quality, the probability that its label is
          right; the estimator must take sample weights;
        - "relabel": flagged rows get the suggested label;
        - "none": nothing.

        The last rows of a class are never removed: a class that would vanish keeps the row of
        best quality.
    random_state : int, RandomState instance or None, default=None
        Of the folds of ``action="auto"``. None: a fixed seed.
    verbose : int, default=None
        1 prints which action was taken, and why.

    Attributes
    ----------
    flagger_ : LabelFlagger
        The fitted flagger.
    estimator_ : estimator
        The fitted estimator.
    action_ : str
        The action that was taken.
    expected_gain_, expected_gain_std_ : float
        Expected gain in accuracy over "none", and its standard error; 0 for "none". NaN where the
        action was given.
    action_gains_ : dict
        (gain, standard error) of each action that was compared with "none".
    description_ : str
        The same in words.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    skinfluence.LabelFlagger : Judges labels and changes nothing.
    skinfluence.LabelCleaner : The same as a sampler, for imbalanced-learn's pipelines.
    skinfluence.CleanedRegressor : For target values.

    Notes
    -----
    ``action="auto"`` fits flagger and estimator to two thirds of the rows, three times, and
    predicts the third that is left out: three fits of the flagger and nine of the estimator, each
    to two thirds of the rows. The candidate of the largest gain in accuracy over "none" is taken,
    among those whose gain is above its standard error. Accuracy is that on right labels, estimated
    from the given ones and the flagger's noise matrix (the unbiased loss of [1]_); neither flagger
    nor estimator has seen the labels that it is measured on. Where labels are wrong in a way that
    depends on the row and not only on its class, the estimate is biased: search over `action` on
    rows whose labels are trusted.

    References
    ----------
    .. [1] N. Natarajan, I. Dhillon, P. Ravikumar and A. Tewari, "Learning with noisy labels",
       NeurIPS 2013, lemma 1.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import CleanedClassifier
    >>> from skinfluence.datasets import flip_labels
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> noisy, flipped = flip_labels(y[:900], 0.2, random_state=0)
    >>> model = CleanedClassifier(LogisticRegression(max_iter=1000)).fit(X[:900], noisy)
    >>> model.score(X[900:], y[900:]) > model.estimator.fit(X[:900], noisy).score(X[900:], y[900:])
    True
    """


class CleanedRegressor(Cleaned, RegressorMixin, EstimatorDelegation):
    """Learn from target values of which some are wrong: judge them first, then fit.

    Parameters
    ----------
    estimator : estimator, default=None
        A regressor of any kind; None stands for ``Ridge()``.
    flagger : LabelFlagger, default=None
        Judges the values; None stands for ``LabelFlagger()``.
    action : {"auto", "drop", "reweight", "relabel", "none"}, default="auto"
        What is done about values that are probably wrong, as for
        :class:`~skinfluence.CleanedClassifier`. "auto" compares the absolute errors of predictions.
    random_state : int, RandomState instance or None, default=None
        Of the folds of ``action="auto"``. None: a fixed seed.
    verbose : int, default=None
        1 prints which action was taken, and why.

    Attributes
    ----------
    flagger_ : LabelFlagger
        The fitted flagger.
    estimator_ : estimator
        The fitted estimator.
    action_ : str
        The action that was taken.
    expected_gain_, expected_gain_std_ : float
        Expected fall of the mean absolute error over "none", and its standard error; 0 for "none".
        NaN where the action was given.
    action_gains_ : dict
        (gain, standard error) of each action that was compared with "none".
    description_ : str
        The same in words.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    skinfluence.LabelFlagger : Judges values and changes nothing.
    skinfluence.CleanedClassifier : For class labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import CleanedRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> typed = y[:300].copy()
    >>> typed[::15] *= 10  # a digit too many
    >>> model = CleanedRegressor(Ridge(0.1)).fit(X[:300], typed)
    >>> model.score(X[300:], y[300:]) > Ridge(0.1).fit(X[:300], typed).score(X[300:], y[300:])
    True
    """

    def _default_estimator(self):
        return Ridge() if self.estimator is None else self.estimator
