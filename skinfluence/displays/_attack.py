"""Training rows before and after an attack."""

import narwhals.stable.v1 as nw
import numpy as np
from scipy import sparse

from skinfluence._utils.docs import shared_parameters
from skinfluence.attacks import TrainingSetAttack
from skinfluence.displays._base import Display, signed_bars

#: Changed entries that are shown as bars.
SHOWN = 15


class AttackDisplay(Display):
    """Changed entries of the rows of a training-set attack, as bars or as images.

    Images stand in three panels: the first changed row before, after, and its change (Koh & Liang
    2017, Figure 5). Otherwise bars show the largest changes, in units of the attack.

    Parameters
    ----------
    result : AttackResult
        Of :class:`~skinfluence.attacks.TrainingSetAttack`.
    image_shape : tuple of int, default=None
        Shape of a row as an image, such as (28, 28).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.displays import AttackDisplay
    >>> X, y = load_digits(n_class=2, return_X_y=True)
    >>> explainer = InfluenceExplainer(LogisticRegression()).fit(X[:200], y[:200])
    >>> display = AttackDisplay.from_explainer(explainer, X[200:201], image_shape=(8, 8))
    >>> display.ax_.shape
    (3,)
    """

    def __init__(self, result, image_shape=None):
        self.result = result
        self.image_shape = image_shape

    @classmethod
    @shared_parameters
    def from_explainer(
        cls, explainer, X_test, *, attack=None, rows=None, threshold=None, image_shape=None,
        ax=None, **kwargs,
    ):  # fmt: skip
        """Attack the test rows together and draw the changed rows.

        Parameters
        ----------
        attack : TrainingSetAttack, default=None
            With its defaults by default.
        rows : array-like of int, of names, or bool mask, default=None
            Training rows that are changed; None chooses them.
        threshold : float, default=None
            For regressors.
        image_shape : tuple of int, default=None
            Shape of a row as an image.
        ax : matplotlib Axes or three of them, default=None
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        AttackDisplay
            Drawn.
        """
        attack = TrainingSetAttack() if attack is None else attack
        result = attack.run(explainer, X_test, rows=rows, threshold=threshold)
        return cls(result, image_shape)._drawn(explainer, ax, kwargs)

    @shared_parameters
    def plot(self, ax=None, **kwargs):
        """Draw the changes.

        Parameters
        ----------
        ax : matplotlib Axes or three of them, default=None
            New ones by default; three for images.
        **kwargs
            For :meth:`matplotlib.axes.Axes.barh`, or `imshow` of images.

        Returns
        -------
        self : AttackDisplay
            Drawn.
        """
        return self._plot_bars(ax, kwargs) if self.image_shape is None else self._images(ax, kwargs)

    def _plot_bars(self, ax, kwargs):
        ax = self._axes(ax)
        table = nw.from_native(self.frame(), pass_through=True, eager_only=True)
        values = np.asarray(table["change_in_units"], dtype=float)[:SHOWN]
        signed_bars(ax, values, ("raised", "lowered"), **kwargs)
        several = len(self.result.rows) > 1
        names = [
            f"{name} (row {row})" if several else f"{name}"
            for name, row in zip(table["column"], table["row"], strict=True)
        ]
        ax.set_yticks(np.arange(len(values)), names[: len(values)])
        ax.set_xlabel("change, in units of the attack")
        if len(values):
            ax.legend(fontsize=8)
        return self

    def _images(self, ax, kwargs):
        axes = self._axes(ax, 3)
        rows = [self.result.X_original, self.result.X_changed]
        before, after = (_dense(part)[0].reshape(self.image_shape) for part in rows)
        low, high = min(before.min(), after.min()), max(before.max(), after.max())
        style = {"cmap": "gray_r", "vmin": low, "vmax": high}
        name = next(iter(self.result.row_names))
        axes[0].imshow(before, **(style | kwargs))
        axes[0].set_title(f"training row {name}")
        axes[1].imshow(after, **(style | kwargs))
        axes[1].set_title("changed")
        change = after - before
        top = np.abs(change).max() or 1.0
        shown = axes[2].imshow(change, cmap="RdBu_r", vmin=-top, vmax=top)
        axes[2].set_title("change")
        self.figure_.colorbar(shown, ax=axes[2], shrink=0.7)
        for panel in axes:
            panel.set(xticks=[], yticks=[])
        return self

    def frame(self):
        """The changed entries as a table.

        Returns
        -------
        DataFrame
            As :meth:`skinfluence.attacks.AttackResult.frame` has it.
        """
        return self.result.frame()


def _dense(X):
    return X.toarray() if sparse.issparse(X) else np.asarray(X, dtype=float)
