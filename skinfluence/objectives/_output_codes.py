"""CodeCoding: classes as rows of a code book, one binary machine for each bit."""

import numpy as np

from skinfluence.objectives._coding import TargetCoding


class CodeCoding(TargetCoding):
    """Labels of error-correcting output codes: output k is positive for classes whose bit is 1.

    The class with the nearest code is predicted. Codes all have one norm, so that it is the one
    with the largest product.

    Parameters
    ----------
    classes : ndarray of shape (C,)
        In the estimator's order.
    signs : ndarray of shape (C, K)
        The code book in -1 and +1.
    """

    def __init__(self, classes, signs):
        super().__init__("margin", signs.shape[1], classes)
        self.signs = signs

    @property
    def output_names(self):
        return [f"bit {k}" for k in range(self.n_outputs)]

    def encode_codes(self, codes):
        return self.signs.astype(np.int8)[codes]

    def decode(self, y):
        return (y @ self.signs.T).argmax(axis=1)

    predicted_codes = decode

    def leads(self, raw_prediction, code):
        ways = [own - self.signs[code] for k, own in enumerate(self.signs) if k != code]
        return sorted(((way, float(-way @ raw_prediction)) for way in ways), key=lambda way: way[1])
