"""How labels of several outputs become the (n, K) targets that losses take."""

import numpy as np


class JoinedCoding:
    """Labels of several outputs, each with classes of its own, side by side.

    Parameters
    ----------
    codings : list of TargetCoding
        One an output.
    """

    is_classification = True

    def __init__(self, codings):
        self.codings = codings
        self.n_outputs = sum(coding.n_outputs for coding in codings)
        self.n_labels = len(codings)
        self.classes = [coding.classes for coding in codings]

    def encode(self, y):
        """Targets of shape (n, K), for labels (n, n_labels)."""
        y = np.asarray(y)
        if y.ndim != 2 or y.shape[1] != len(self.codings):
            raise ValueError(
                f"y has shape {y.shape}; expected (n_rows, {len(self.codings)}), one label for "
                "each output that the model was fitted with."
            )
        pairs = zip(self.codings, y.T, strict=True)
        return np.concatenate([coding.encode(own) for coding, own in pairs], axis=1)

    def encode_codes(self, codes):
        """Targets of shape (n, K) for class indices (n, n_labels)."""
        pairs = zip(self.codings, codes.T, strict=True)
        return np.concatenate([coding.encode_codes(own) for coding, own in pairs], axis=1)

    def predicted_codes(self, raw_prediction):
        """Class index of each output that the raw predictions (n, K) speak for."""
        ends = np.cumsum([coding.n_outputs for coding in self.codings])[:-1]
        pairs = zip(self.codings, np.split(raw_prediction, ends, axis=1), strict=True)
        return np.stack([coding.predicted_codes(own) for coding, own in pairs], axis=1)

    def labels(self, codes):
        """Labels (n, n_labels) of class indices."""
        pairs = zip(self.classes, codes.T, strict=True)
        return np.stack([classes[own] for classes, own in pairs], axis=1)
