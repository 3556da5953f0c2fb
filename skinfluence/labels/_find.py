"""find_wrong_labels: the noise model on given out-of-sample probabilities."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import validate_params
from sklearn.utils.validation import _check_sample_weight

from skinfluence._utils.rows import NamedRows
from skinfluence.labels._inputs.settings import CONTAMINATION
from skinfluence.labels._inputs.targets import Target, as_labels, kind_of_target, sorted_classes
from skinfluence.labels._noise import fit_noise_model
from skinfluence.labels._review.report import LabelSummary
from skinfluence.labels._sources.prediction import OutOfSamplePrediction

#: Least probability of a class.
LEAST = 1e-6
#: By which the probabilities of a row may miss one.
SLACK = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class WrongLabels(LabelSummary):
    """Estimated wrong labels; prints as text and shows as HTML in notebooks.

    Attributes
    ----------
    flagged, label_quality, ranking, suggested : ndarray of shape (n_samples,)
    noise_matrix, noise_matrix_std : ndarray of shape (n_classes, n_classes)
    noise_rate, noise_rate_std : float
    classes : ndarray of shape (n_classes,)
        As the attributes of :class:`~skinfluence.LabelFlagger`.
    n_rows, n_flagged, n_sure, n_wrong, n_wrong_std, rows, row_names : int, float and ndarray
        As of the flagger's :meth:`~skinfluence.LabelFlagger.summary`.
    """

    flagged: np.ndarray
    label_quality: np.ndarray
    ranking: np.ndarray
    suggested: np.ndarray
    noise_matrix: np.ndarray
    noise_matrix_std: np.ndarray
    noise_rate: float
    noise_rate_std: float
    classes: np.ndarray


@validate_params({"contamination": CONTAMINATION}, prefer_skip_nested_validation=True)
def find_wrong_labels(y, proba, *, classes=None, sample_weight=None, contamination="auto"):
    """Find wrong labels by out-of-sample probabilities.

    A calibration and a noise matrix are fitted to the probabilities, as by
    :class:`~skinfluence.LabelFlagger`, which also computes the probabilities, and fits again with
    the result.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Given labels. The index of a pandas column names the rows.
    proba : array-like of shape (n_samples, n_classes) or (n_samples,)
        Probabilities of the classes, or of the second of two, each row by a model that was not
        trained on it, as by ``cross_val_predict(model, X, y, method="predict_proba")``.
    classes : array-like of shape (n_classes,), default=None
        Labels of the columns of `proba`. None: the sorted labels of `y`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows; those of weight 0 are evaluated but have no effect.
    contamination : {"auto", "strict"} or float, default="auto"
        Number of flagged labels, as for the flagger.

    Returns
    -------
    WrongLabels
        Flags, qualities, ranking, suggestions and the noise matrix.

    Raises
    ------
    ValueError
        For `proba` without one column of probabilities a class, and labels of no or one class.

    References
    ----------
    C. Northcutt, L. Jiang and I. Chuang, "Confident learning", JAIR 70, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.model_selection import cross_val_predict
    >>> from skinfluence.datasets import flip_labels
    >>> from skinfluence.labels import find_wrong_labels
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> y_noisy, flipped = flip_labels(y, 0.1, random_state=0)
    >>> trees = ExtraTreesClassifier(random_state=0)
    >>> proba = cross_val_predict(trees, X, y_noisy, method="predict_proba")
    >>> found = find_wrong_labels(y_noisy, proba)
    >>> print(f"precision {flipped[found.flagged].mean():.1f}")
    precision 0.8
    """
    names = NamedRows(proba, y)
    names.pairs_with(y, "y", "proba")
    given = as_labels(y)
    kind_of_target(given, classes=True)
    target = Target(given, sorted_classes(given) if classes is None else np.unique(classes))
    logs = _log_proba(proba, target, classes)
    check_consistent_length(given, logs)
    weight = _check_sample_weight(sample_weight, logs, dtype=np.float64, ensure_non_negative=True)
    target.encode_known(given, "y")
    known = OutOfSamplePrediction(logs, np.asarray, None, "Given probabilities.", None)
    source = SimpleNamespace(fit=lambda weight: known)
    verdict = fit_noise_model(source, target, weight, contamination=contamination, max_iter=1)
    fitted = {name.rstrip("_"): value for name, value in verdict.attributes().items()}
    ranking = np.lexsort((-verdict.tie_break, verdict.quality))
    suggested = target.classes[verdict.suggested]
    return WrongLabels._of(
        int((weight > 0).sum()),
        ranking[verdict.flagged[ranking]],
        (fitted["noise_rate"], fitted["noise_rate_std"]),
        verdict.n_sure,
        {"given": given, "suggested": suggested, "quality": verdict.quality},
        names,
        flagged=verdict.flagged,
        label_quality=verdict.quality,
        ranking=ranking,
        suggested=suggested,
        classes=target.classes,
        **fitted,
    )


def _log_proba(proba, target, classes):
    """Logarithms of the probabilities, columns in the order of the sorted classes."""
    expected = target.classes.tolist() if classes is None else list(classes)
    named = list(getattr(proba, "columns", expected))
    if named != expected and sorted(map(str, named)) == sorted(map(str, expected)):
        raise ValueError(
            f"The columns of proba are {named[:20]} where the classes are {expected[:20]}. "
            f"Expected the same order: pass classes={named[:20]}."
        )
    if np.asarray(proba).ndim == 1:
        proba = np.column_stack([1.0 - np.asarray(proba), proba])
    proba = check_array(proba, dtype=np.float64, input_name="proba")
    if proba.shape[1] != target.n_classes:
        raise ValueError(
            f"proba has {proba.shape[1]} columns, and there are {target.n_classes} classes: "
            f"{expected[:20]}. Expected one column a class; give classes= where y does not hold "
            "all of them."
        )
    sums = proba.sum(axis=1)
    if proba.min() < 0 or np.abs(sums - 1).max() > SLACK:
        raise ValueError(
            f"proba holds numbers from {proba.min():.3g} to {proba.max():.3g}, and rows that sum "
            f"to {sums.min():.3g} ... {sums.max():.3g}. Expected probabilities, none negative, "
            'rows that sum to one: cross_val_predict(model, X, y, method="predict_proba").'
        )
    if classes is not None:
        proba = proba[:, np.argsort(np.asarray(classes), kind="stable")]
    proba = np.maximum(proba, LEAST)
    return np.log(proba / proba.sum(axis=1, keepdims=True))
