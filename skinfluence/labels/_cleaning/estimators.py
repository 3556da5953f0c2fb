"""CleanedClassifier and CleanedRegressor: judge the labels, then learn from what is left."""

from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skinfluence.labels._cleaning.learning import Cleaned, estimator_has

__all__ = ["CleanedClassifier", "CleanedRegressor"]


class CleanedClassifier(Cleaned, ClassifierMixin, BaseEstimator):
    """Learn from labels of which some are wrong: judge them first, then fit.

    `fit` fits the flagger, acts on what it found, and fits the estimator to what is left. It works
    wherever a classifier does: in pipelines, and in searches over ``flagger__damping``,
    ``flagger__contamination``, ``estimator__C`` or `action`.

    Acting on flags helps on the mean and not always (the page of benchmarks says how often);
    whether it does is seen by searching over `action` with "none" among the candidates, on rows
    whose labels are trusted (see the page "Learn without wrong labels").

    Parameters
    ----------
    estimator : estimator, default=None
        A classifier of any kind; None stands for ``LogisticRegression()``.
    flagger : LabelFlagger, default=None
        Judges the labels; None stands for ``LabelFlagger()``.
    action : {"drop", "reweight", "relabel", "none"}, default="drop"
        What is done about labels that are probably wrong:

        - "reweight": each row counts by its label quality, the probability that its label is
          right; the estimator must take sample weights;
        - "drop": flagged rows are left out;
        - "relabel": flagged rows get the suggested label;
        - "none": nothing; what the others are compared with.

        The last rows of a class are never removed: a class that would vanish keeps the row of
        best quality.

    Attributes
    ----------
    flagger_ : LabelFlagger
        The fitted flagger.
    estimator_ : estimator
        The fitted estimator.
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features,)

    See Also
    --------
    skinfluence.LabelFlagger : Judges labels and changes nothing.
    skinfluence.LabelCleaner : The same as a sampler, for imbalanced-learn's pipelines.
    skinfluence.CleanedRegressor : For target values.

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

    def _default_estimator(self):
        return LogisticRegression() if self.estimator is None else self.estimator

    @available_if(estimator_has("predict_proba"))
    def predict_proba(self, X):
        """Class probabilities of the fitted estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Any rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    @available_if(estimator_has("predict_log_proba"))
    def predict_log_proba(self, X):
        """Logarithms of the class probabilities of the fitted estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Any rows.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        check_is_fitted(self)
        return self.estimator_.predict_log_proba(X)

    @available_if(estimator_has("decision_function"))
    def decision_function(self, X):
        """Decision values of the fitted estimator.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Any rows.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
            As the estimator has them.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    @property
    def classes_(self):
        """Class labels of the fitted classifier."""
        return self.estimator_.classes_


class CleanedRegressor(Cleaned, RegressorMixin, BaseEstimator):
    """Learn from target values of which some are wrong: judge them first, then fit.

    Parameters
    ----------
    estimator : estimator, default=None
        A regressor of any kind; None stands for ``Ridge()``.
    flagger : LabelFlagger, default=None
        Judges the values; None stands for ``LabelFlagger()``.
    action : {"drop", "reweight", "relabel", "none"}, default="drop"
        What is done about values that are probably wrong: each row counts by the probability that
        its value is right, flagged rows are left out, flagged rows get the suggested value, or
        nothing.

    Attributes
    ----------
    flagger_ : LabelFlagger
        The fitted flagger.
    estimator_ : estimator
        The fitted estimator.
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
