"""Effective row weights, sample_weight times class_weight, and how they change with the rows."""

import numpy as np


class RowWeights:
    """s_i = sample_weight_i x class_weight of row i (per output where the estimator does so).

    Parameters
    ----------
    base : ndarray of shape (n,)
        The user's sample weights.
    codes : ndarray of shape (n,), int, or None
        Class of each row, 0 .. C-1; None without class weights.
    class_weight : ndarray of shape (C,) or None
        Fixed class weights.
    counts : ndarray of shape (n,) or None
        Given for ``class_weight="balanced"``: what each row adds to its class's count. The class
        weights are then ``sum(counts) / (C * counts of the class)`` and move when rows change.
    own_output_only : bool
        One-versus-rest liblinear: the weight of class k acts in output k only, on the rows of
        class k; the other rows keep weight one there.
    amounts : ndarray of shape (n,), default=None
        What each row adds to a penalty in mean form; its sample weight by default.
    members : ndarray of bool, shape (C, K), default=None
        One-versus-one: whether the rows of class c count in output k.
    """

    def __init__(
        self,
        base,
        codes=None,
        class_weight=None,
        counts=None,
        own_output_only=False,
        amounts=None,
        members=None,
    ):
        self.base = base
        self.amounts = base if amounts is None else amounts
        self.codes = codes
        self.counts = counts
        self.own_output_only = own_output_only
        self.members = members
        if counts is not None:
            self.class_counts = np.bincount(codes, weights=counts)
            class_weight = _balanced(self.class_counts)
        self.class_weight = class_weight

    @property
    def balanced(self):
        return self.counts is not None

    @property
    def n_classes(self):
        return len(self.class_weight)

    def matter(self, rows):
        """Rows whose removal changes the objective, a mask (n_rows,).

        Rows of weight zero do where balanced class weights or a penalty in mean form count them.
        """
        there = (self.base[rows] > 0.0) | (self.amounts[rows] > 0.0)
        return there | (self.counts[rows] > 0.0) if self.balanced else there

    def spread(self, per_class):
        """Per-class numbers (..., C) as a factor on every row, shape (..., n, 1) or (..., n, C)."""
        if not self.own_output_only:
            return per_class[..., self.codes, None]
        own = self.codes[:, None] == np.arange(self.n_classes)
        return np.where(own, per_class[..., None, :], 1.0)

    def effective(self):
        """s of shape (n, 1), or (n, K) where class weights differ between outputs."""
        if self.class_weight is None:
            return self.base[:, None]
        out = self.base[:, None] * self.spread(self.class_weight)
        return out if self.members is None else out * self.members[self.codes]

    def class_ratio(self, count_changes):
        """New class weight over old for changes of the class counts, (..., C) -> (..., C).

        A class that loses its last row gets ratio 0: it has no rows left to weigh.
        """
        new = _balanced(self.class_counts + count_changes)
        return new / self.class_weight

    def with_counts(self, counts):
        """Weights in which each row counts as often as `counts` has it."""
        amounts = None if self.amounts is self.base else counts
        if not self.balanced or self.counts is self.base:
            return self._with(amounts=amounts)
        return self._with(class_weight=None, counts=counts, amounts=amounts)

    def with_equal_amounts(self):
        """Weights with which a penalty in mean form counts rows, whatever their weight."""
        return self._with(amounts=np.ones(len(self.base)))

    def _with(self, **changes):
        names = ("base", "codes", "class_weight", "counts", "own_output_only", "members")
        settings = {name: getattr(self, name) for name in names}
        settings["amounts"] = None if self.amounts is self.base else self.amounts
        return RowWeights(**{**settings, **changes})

    def _mapped(self, change, **changes):
        """The weights after a change of each array of numbers of rows; what is one stays one."""
        arrays = {name: getattr(self, name) for name in ("base", "counts", "amounts")}
        different = {id(own): own for own in arrays.values() if own is not None}
        changed = {key: change(own) for key, own in different.items()}
        return self._with(**{name: changed.get(id(own)) for name, own in arrays.items()}, **changes)

    def changed(self, rows, factors):
        """The weights when the rows' weights are multiplied by `factors`."""
        multiplier = np.ones(len(self.base))
        multiplier[rows] = factors
        return self._mapped(lambda own: own * multiplier)

    def of_other_classes(self, rows, codes):
        """The weights that rows would have in other classes, while class weights stay."""
        if self.class_weight is None:
            return RowWeights(self.base[rows])
        return self._with(base=self.base[rows], codes=codes, counts=None, amounts=None)

    def replaced(self, rows, codes):
        """The weights when other rows take the place of some: at the end, the old ones weigh 0."""

        def moved(own):
            left = own.copy()
            left[rows] = 0.0
            return np.concatenate([left, own[rows]])

        return self._mapped(moved, **self._codes_of_more(codes))

    def followed_by(self, base, codes):
        """The weights of these rows and then of others with sample weights `base`."""

        def longer(own):
            return np.concatenate([own, base if own is self.base else np.ones(len(base))])

        return self._mapped(longer, **self._codes_of_more(codes))

    def _codes_of_more(self, codes):
        return {} if self.codes is None else {"codes": np.concatenate([self.codes, codes])}


def _balanced(class_counts):
    """n / (C n_k) along the last axis; 0 for a class without rows."""
    total = class_counts.sum(axis=-1, keepdims=True)
    present = class_counts > 1e-12 * total
    safe = np.where(present, class_counts, 1.0)
    return np.where(present, total / (class_counts.shape[-1] * safe), 0.0)
