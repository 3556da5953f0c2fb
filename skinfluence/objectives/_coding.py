"""Encoding of labels as the (n, K) targets of losses."""

import numpy as np
from sklearn.utils import check_array, column_or_1d

from skinfluence.linalg import row_blocks
from skinfluence.losses import Logistic, Multinomial

#: Targets on the positive and on the negative side of a margin.
SIGNS = np.int8(1), np.int8(-1)
#: What to do about labels that a model does not know: of test rows, and of training rows.
OTHER_LABELS = "Pass labels of these classes, or y_test=None to explain the predictions themselves."
OTHER_MODEL = "Pass labels of these classes: a refit with another one would be another model."


class TargetCoding:
    """Encode user labels or target values for a loss with K outputs.

    Parameters
    ----------
    kind : {"real", "margin", "one_hot"}
        What the loss takes: values, -1/+1 (one column for two classes, one-versus-rest columns
        for more), or one-hot rows.
    n_outputs : int
        K.
    classes : ndarray or None
        Class labels in the estimator's order; None for regression.
    """

    def __init__(self, kind, n_outputs, classes=None):
        self.kind = kind
        self.n_outputs = n_outputs
        self.classes = classes

    @property
    def is_classification(self):
        return self.classes is not None

    def codes(self, y, *, what="y", remedy=OTHER_LABELS):
        """Index of each label in `classes`.

        `what` and `remedy` are the subject and the end of the error.

        Raises
        ------
        ValueError
            For labels that the model was not trained on.
        """
        y = column_or_1d(np.asarray(y), warn=False)
        out = np.empty(len(y), dtype=np.intp)
        for rows in row_blocks(len(y), 64, cache_mib=2.0):
            out[rows] = self._codes(y[rows], what, remedy)
        return out

    def encode_new(self, y, what):
        """(targets (n, K), class indices or None) of labels that training rows are to have."""
        if not self.is_classification:
            values = {"ensure_2d": False, "ensure_min_samples": 0, "dtype": np.float64}
            return self.encode(check_array(y, input_name=what, **values)), None
        codes = self.codes(y, what=what, remedy=OTHER_MODEL)
        return self.encode_codes(codes), codes

    def _codes(self, y, what, remedy):
        order = np.argsort(self.classes)
        try:
            place = np.searchsorted(self.classes, y, sorter=order)
        except TypeError:
            place = np.zeros(len(y), dtype=int)
        codes = order[np.minimum(place, len(order) - 1)]
        known = self.classes[codes] == y
        if not np.all(known):
            unseen = list(dict.fromkeys(np.asarray(y)[~np.asarray(known, dtype=bool)].tolist()))
            raise ValueError(
                f"{what} contains labels that the model was not trained on: {unseen[:5]}. "
                f"Known classes: {self.classes.tolist()[:20]}. {remedy}"
            )
        return codes

    def encode(self, y):
        """Targets of shape (n, K)."""
        if not self.is_classification:
            y = np.asarray(y, dtype=np.float64)
            y = y[:, None] if y.ndim == 1 else y
            if y.shape[1] != self.n_outputs:
                raise ValueError(
                    f"y has {y.shape[1]} outputs, but the model was fitted with {self.n_outputs}. "
                    "Pass targets of the shape that fit was given."
                )
            return y
        return self.encode_codes(self.codes(y))

    def encode_codes(self, codes):
        """Targets of shape (n, K) for class indices, in int8: an eighth of the predictions."""
        if self.kind == "one_hot":
            return np.eye(len(self.classes), dtype=np.int8)[codes]
        if self.n_outputs == 1:
            return np.where(codes == 1, *SIGNS)[:, None]
        return np.where(codes[:, None] == np.arange(len(self.classes)), *SIGNS)

    def predicted_codes(self, raw_prediction):
        """Class index that the raw predictions (n, K) speak for."""
        if self.n_outputs == 1:
            return (raw_prediction[:, 0] > 0).astype(int)
        return raw_prediction.argmax(axis=1)

    def labels(self, codes):
        """Labels of class indices."""
        return self.classes[codes]

    def decode(self, y):
        """Class index of encoded labels (n, K)."""
        return (y[:, 0] > 0).astype(np.intp) if y.shape[1] == 1 else y.argmax(axis=1)

    def decision_values(self, raw_prediction):
        """Output of `decision_function` for raw predictions (n, K), in columns."""
        return raw_prediction

    def leads(self, raw_prediction, code):
        """Lead of the predicted class `code` of one row (K,) over each other class.

        Returns
        -------
        list of (ndarray of shape (K,), float)
            Factors of the raw predictions whose product with them must grow, and by how much;
            nearest first.
        """
        if self.n_outputs == 1:
            return [(np.array([-1.0 if code == 1 else 1.0]), abs(float(raw_prediction[0])))]
        out = []
        for other in np.argsort(-raw_prediction, kind="stable"):
            if other != code:
                factors = np.zeros(self.n_outputs)
                factors[other], factors[code] = 1.0, -1.0
                out.append((factors, float(raw_prediction[code] - raw_prediction[other])))
        return out

    #: labels of a row
    n_labels = 1
    #: whether decision values of classes are votes of the outputs
    votes_count = False

    def decision_factors(self, codes):
        """Factors (n, K) of the raw predictions in the decision value of a class of each row."""
        return (np.arange(self.n_outputs) == codes[:, None]).astype(float)

    def pair_factors(self, codes, others):
        """The same in the decision value of a class against another one."""
        raise ValueError(
            "against= names a pair of classes, which one-vs-one machines (SVC with three or more "
            "classes) have decision values of. Leave it out."
        )

    @property
    def output_names(self):
        """Names of the K outputs, for parameters: those of the classes, or positions."""
        return range(self.n_outputs) if self.classes is None else self.classes


def log_loss_of(classes):
    """Log loss of one raw prediction for two classes, of K for more, and the coding of labels.

    Parameters
    ----------
    classes : ndarray of K labels
        In the estimator's order.

    Returns
    -------
    loss : Loss
    coding : TargetCoding

    Examples
    --------
    >>> from skinfluence.objectives import log_loss_of
    >>> loss, coding = log_loss_of(np.array(["no", "yes"]))
    >>> coding.encode(["yes", "no"]).tolist()
    [[1], [-1]]
    """
    if len(classes) == 2:
        return Logistic(), TargetCoding("margin", 1, classes)
    return Multinomial(), TargetCoding("one_hot", len(classes), classes)
