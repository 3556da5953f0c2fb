"""LabelCleaner: a sampler that drops or relabels flagged rows, for imbalanced-learn's pipelines."""

from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import _routing_enabled, process_routing

from skinfluence._utils.checks import check_choice
from skinfluence._utils.frames import take_rows
from skinfluence.labels._cleaning.choice import decide
from skinfluence.labels._cleaning.learning import WithFlagger
from skinfluence.labels._inputs.settings import check_weight


class LabelCleaner(WithFlagger):
    """Drop or relabel the rows whose labels are probably wrong.

    A sampler for pipelines of imbalanced-learn, which pass fit parameters to samplers only where
    metadata routing is enabled. In pipelines of scikit-learn, where no step may change the number
    of rows, use :class:`~skinfluence.CleanedClassifier`.

    Parameters
    ----------
    flagger : LabelFlagger, default=None
        Flags wrong labels; None is ``LabelFlagger()``.
    action : {"drop", "relabel"}, default="drop"
        Whether flagged rows are removed, or get the suggested label (or target value). A class that
        would lose all its rows keeps the one of best label quality, unchanged.

    Attributes
    ----------
    flagger_ : LabelFlagger
        The fitted clone.
    sample_indices_ : ndarray of int
        Positions of the remaining rows in the given data.

    See Also
    --------
    skinfluence.CleanedClassifier : The same inside one classifier.
    skinfluence.LabelFlagger : Flags wrong labels and changes nothing.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skinfluence import LabelCleaner
    >>> from skinfluence.datasets import flip_labels
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> noisy, flipped = flip_labels(y, 0.1, random_state=0)
    >>> cleaner = LabelCleaner()
    >>> X_clean, y_clean = cleaner.fit_resample(X, noisy)
    >>> print(f"{flipped.mean():.2f} -> {flipped[cleaner.sample_indices_].mean():.2f}")
    0.10 -> 0.01
    """

    def __init__(self, flagger=None, *, action="drop"):
        self.flagger = flagger
        self.action = action

    def fit(self, X, y, **fit_params):
        """Flag wrong labels and select the remaining rows.

        Parameters
        ----------
        X, y, **fit_params : as for :meth:`fit_resample`
            Training rows and their labels.

        Returns
        -------
        self : LabelCleaner
            Fitted.
        """
        self.fit_resample(X, y, **fit_params)
        return self

    def fit_resample(self, X, y, **fit_params):
        """Flag wrong labels and return the remaining rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, data frame} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Their labels or target values.
        **fit_params : dict
            For the flagger's `fit`, such as `sample_weight`. Rows of weight zero are removed; the
            weights of the others are ``sample_weight[sample_indices_]``.

        Returns
        -------
        X_resampled : {array-like, sparse matrix, data frame} of shape (n_left, n_features)
            In the type that was given; frames keep their index.
        y_resampled : array-like of shape (n_left,)
            Labels in the container and the dtype that were given.
        """
        check_choice("action", self.action, ("drop", "relabel"))
        weight = check_weight(fit_params.get("sample_weight"), X)
        if _routing_enabled():
            fit_params = process_routing(self, "fit", **fit_params).flagger.fit
        self.flagger_ = clone(self._default_flagger()).fit(X, y, **fit_params)
        self.sample_indices_, labels, _ = decide(self.flagger_, y, weight, self.action)
        return take_rows(X, self.sample_indices_), labels

    def __sklearn_tags__(self):
        tags, inner = super().__sklearn_tags__(), get_tags(self._default_flagger())
        tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags
