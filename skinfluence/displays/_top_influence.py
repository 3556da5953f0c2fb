"""Training rows of largest influence on one prediction."""

from dataclasses import KW_ONLY, dataclass

import numpy as np

from skinfluence._utils.docs import shared_parameters
from skinfluence.displays._base import Display, one_test_row, plain_text, signed_bars

#: Height that a line of a bar's name needs, in points, before titles take some of the axes.
LINE = 11.0


@dataclass(eq=False, repr=False)
class TopInfluenceDisplay(Display):
    """Helpful and harmful training rows of one test row, as signed bars.

    Make it by :meth:`from_explainer` or :meth:`from_estimator`. Each bar is named by its row and
    label; below stand the feature values that drive the prediction, or the row as an image.

    Parameters
    ----------
    influence : ndarray of shape (n_rows,)
        Value without the training row minus value with it, in units of the target.
    row_names : ndarray of shape (n_rows,)
        Names of the training rows.
    labels : ndarray of shape (n_rows,)
        Their labels or target values.
    features : dict of str to ndarray of shape (n_rows,), default=None
        Feature values that are written below each name.
    images : ndarray of shape (n_rows, height, width), default=None
        The rows as images, in place of feature values.
    test_image : ndarray of shape (height, width), default=None
        The test row as an image.
    what : str, default="loss"
        What is explained.
    title : str, default=None
        Sentence on the test row.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence.displays import TopInfluenceDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = LogisticRegression(max_iter=1000)
    >>> display = TopInfluenceDisplay.from_estimator(model, X, y, X[70:71], y[70:71], k=3)
    >>> display.row_names
    array([ 70,  84,  85, 106, 138, 127])
    """

    influence: np.ndarray
    row_names: np.ndarray
    labels: np.ndarray
    _: KW_ONLY
    features: dict | None = None
    images: np.ndarray | None = None
    test_image: np.ndarray | None = None
    what: str = "loss"
    title: str | None = None

    @classmethod
    @shared_parameters
    def from_explainer(
        cls,
        explainer,
        X_test,
        y_test=None,
        *,
        k=5,
        target="auto",
        method=None,
        columns=None,
        image_shape=None,
        ax=None,
        **kwargs,
    ):
        """Draw the rows that help one test row most, and those that harm it most.

        Parameters
        ----------
        X_test : {array-like, sparse matrix, data frame} of shape (1, n_features)
            One test row.
        k : int, default=5
            Rows of each sign, at most.
        columns : list of names or numbers of columns, default=None
            Features that are written; None: the two that drive the prediction most. An empty list
            writes none.
        image_shape : tuple of (height, width), default=None
            Rows are images of this shape, and drawn as such.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        TopInfluenceDisplay
            Drawn.

        Raises
        ------
        ValueError
            For more than one test row.
        """
        one_test_row(X_test, cls.__name__)
        settings = {"k": k, "target": target, "method": method, "columns": columns}
        found = explainer.explain(X_test, y_test, order="both", **settings)
        n_features = 2 if columns is None else None
        return cls.from_explanation(
            found, n_features=n_features, image_shape=image_shape, ax=ax, **kwargs
        )

    @classmethod
    @shared_parameters
    def from_explanation(
        cls, explanation, place=0, *, n_features=2, image_shape=None, ax=None, **kwargs
    ):
        """Draw one table of an explanation.

        Parameters
        ----------
        explanation : Explanation
            Of :meth:`skinfluence.InfluenceExplainer.explain`, with ``order="both"`` for the rows of
            either sign.
        place : int, default=0
            Which of its test rows.
        n_features : int, default=2
            Number of features that are written, at most; None: all of the table.
        image_shape : tuple of (height, width), default=None
            Rows are images of this shape, and drawn as such.
        **kwargs
            For :meth:`plot`.

        Returns
        -------
        TopInfluenceDisplay
            Drawn.
        """
        table = explanation[place]
        display = cls(
            table.influence, np.asarray(table.row), table.label, what=table.what, title=table.title
        )
        if image_shape is None:
            names = list(table.features)[:n_features]
            display.features = {name: np.asarray(table.features[name]) for name in names}
        else:
            test_row, rows = (_images(part, image_shape) for part in table.whole_rows())
            display.images, display.test_image = rows, test_row[0]
        display._backend = explanation.backend
        return display.plot(ax=ax, **kwargs)

    @shared_parameters
    def plot(self, ax=None, **kwargs):
        """Draw the bars.

        Parameters
        ----------
        **kwargs
            For :meth:`matplotlib.axes.Axes.barh`.

        Returns
        -------
        self : TopInfluenceDisplay
            Drawn.
        """
        ax = self._axes(ax)
        n = len(self.influence)
        words = ("helps", "harms") if self.what.startswith("loss") else ("lowers", "raises")
        signed_bars(ax, self.influence, words, **kwargs)
        lines = int(_points(ax) / max(n, 1) / LINE)
        ax.set_yticks(range(n), [self._name(i, lines) for i in range(n)], fontsize=7)
        ax.set_xlabel(f"change of the {self.what}\nwithout the training row")
        ax.legend(fontsize=8)
        if self.title:
            ax.set_title(
                self.title.replace("; ", ";\n").replace("$", r"\$"), fontsize=8, loc="right"
            )
        if self.images is not None:
            self._draw_images(ax)
        return self

    def _name(self, i, n_lines):
        """Name and label of a row, then as many feature values as there are lines for."""
        name = f"row {plain_text(self.row_names[i])}, label {plain_text(self.labels[i])}"
        if self.images is not None:
            return name + " " * 9  # where the image stands
        features = (self.features or {}).items()
        values = [f"{plain_text(key, 40)} {plain_text(column[i])}" for key, column in features]
        return "\n".join([name, *values[: max(n_lines - 1, 0)]])

    def _draw_images(self, ax):
        """Each row as an image between its name and the bar."""
        from matplotlib.offsetbox import AnnotationBbox, OffsetImage

        zoom = 0.85 * _points(ax) / max(len(self.images), 1) / self.images.shape[1]
        for i, image in enumerate(self.images):
            box = OffsetImage(image, zoom=min(zoom, 2.5), cmap="gray_r")
            ax.add_artist(
                AnnotationBbox(
                    box, (0.0, i), xycoords=("axes fraction", "data"), box_alignment=(1.15, 0.5),
                    frameon=False, pad=0.0,
                )
            )  # fmt: skip

    def _columns(self):
        columns = {"row": self.row_names, "influence": self.influence, "label": self.labels}
        return columns | (self.features or {})


def _points(ax):
    """Height of the axes."""
    return 72.0 * ax.get_position().height * ax.figure.get_size_inches()[1]


def _images(rows, shape):
    rows = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows, dtype=np.float64)
    return rows.reshape(len(rows), *shape)
