"""CleanedClassifier and CleanedRegressor: flag wrong labels, act on them, fit."""

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model import Ridge

from skinfluence.explainer import EstimatorDelegation
from skinfluence.labels._cleaning.learning import Cleaned

#: What the docstrings of the two say alike; the words that differ are filled in.
DOCSTRING = """Learn from {labels} of which some are wrong: judge them first, then fit.

    `fit` fits the flagger, acts on its flags, and fits the estimator to the result. It works in
    pipelines, and in searches over ``flagger__damping``, ``flagger__contamination``,
    ``estimator__alpha`` or `action`.

    Parameters
    ----------
    estimator : estimator, default=None
        A {kind} of any type; None stands for ``{default}()``.
    flagger : LabelFlagger, default=None
        Judges the {labels}; None is ``LabelFlagger()``.
    action : {{"auto", "drop", "reweight", "relabel", "none"}}, default="auto"
        What is done about {labels} that are probably wrong:

        - "auto": "drop", "reweight" or "none", whichever predicts left-out rows best (see Notes);
          "reweight" only where the estimator takes sample weights;
        - "drop": flagged rows are removed;
        - "reweight": each row is weighted by its label quality, the probability that its label is
          right; the estimator must take sample weights;
        - "relabel": flagged rows get the suggested label or value;
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
        Expected {gain} over "none", and its standard error; 0 for "none". NaN where the
        action was given.
    action_gains_ : dict
        (gain, standard error) of each action that was compared with "none".
    description_ : str
        The same in words.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)
    {classes}
    See Also
    --------
    skinfluence.LabelFlagger : Flags wrong labels and changes nothing.
    skinfluence.LabelCleaner : The same as a sampler, for imbalanced-learn's pipelines.
    skinfluence.{sibling} : For {others}.

    Notes
    -----
    ``action="auto"`` fits flagger and estimator to two thirds of the rows, three times, and
    predicts the third that is left out: three fits of the flagger and nine of the estimator. The
    candidate of the largest gain over "none" is taken, among those whose gain is above its standard
    error. {notes}"""


class CleanedClassifier(Cleaned, ClassifierMixin, EstimatorDelegation):
    __doc__ = DOCSTRING.format(
        labels="labels",
        kind="classifier",
        default="LogisticRegression",
        gain="gain in accuracy",
        classes="classes_ : ndarray of shape (n_classes,)\n",
        sibling="CleanedRegressor",
        others="target values",
        notes="""Accuracy is that on right labels, estimated from the given ones and the
    flagger's noise matrix (the unbiased loss of [1]_). Where labels are wrong in a way that depends
    on the row and not only on its class, the estimate is biased: search over `action` on rows whose
    labels are trusted.

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
    >>> X, given = X / 16, flip_labels(y[:900], 0.2, random_state=0)[0]
    >>> plain = LogisticRegression(max_iter=1000).fit(X[:900], given)
    >>> model = CleanedClassifier(plain, action="drop").fit(X[:900], given)
    >>> print(f"{plain.score(X[900:], y[900:]):.2f} -> {model.score(X[900:], y[900:]):.2f}")
    0.88 -> 0.93
    """,
    )


class CleanedRegressor(Cleaned, RegressorMixin, EstimatorDelegation):
    __doc__ = DOCSTRING.format(
        labels="target values",
        kind="regressor",
        default="Ridge",
        gain="fall of the mean absolute error",
        classes="",
        sibling="CleanedClassifier",
        others="class labels",
        notes="""Gains are falls of the mean absolute error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skinfluence import CleanedRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> typed = y[:300].copy()
    >>> typed[::15] *= 10  # a digit too many
    >>> plain = Ridge(0.1).fit(X[:300], typed)
    >>> model = CleanedRegressor(plain).fit(X[:300], typed)
    >>> print(f"{plain.score(X[300:], y[300:]):.2f} -> {model.score(X[300:], y[300:]):.2f}")
    -1.92 -> 0.51
    """,
    )

    def _default_estimator(self):
        return Ridge() if self.estimator is None else self.estimator
