"""explanation_report: the training rows behind each prediction."""

import numpy as np

from skinfluence import __version__
from skinfluence._utils.checks import check_whole
from skinfluence._utils.frames import row_labels
from skinfluence._utils.tables import counted, number_text, value_text
from skinfluence.explainer import check_explainer
from skinfluence.report._figures import draw_svg
from skinfluence.report._neighbors import image
from skinfluence.report._page import Report

#: Test rows of a page at most, and those with a figure.
_MOST_ROWS, _DRAWN = 200, 3


def explanation_report(
    explainer,
    X_test,
    y_test=None,
    *,
    k=5,
    target="auto",
    method=None,
    columns=None,
    image_shape=None,
    title="Explanation of predictions",
):
    """Make a page with the most helpful and the most harmful training rows of each test row.

    Parameters
    ----------
    explainer : InfluenceExplainer
        Fitted.
    X_test : {array-like, sparse matrix, data frame} of shape (n_test, n_features)
        At most 200 rows.
    y_test : array-like of shape (n_test,), default=None
        Their labels, for the loss; None explains the predictions.
    k : int, default=5
        Number of training rows of each sign.
    target : str or Target, default="auto"
        As for :meth:`skinfluence.InfluenceExplainer.influence`.
    method : {"auto", "first_order", "newton_step", "refit"}, default=None
        As for :meth:`skinfluence.InfluenceExplainer.explain`.
    columns : list of names or numbers of columns, default=None
        Features that are shown; None: those that drive each prediction.
    image_shape : tuple of (height, width), default=None
        Rows are images of this shape, and drawn as such in the figures.
    title : str, default="Explanation of predictions"
        Heading of the page.

    Returns
    -------
    Report
        With `write_html(path)`; notebooks show it.

    Raises
    ------
    ValueError
        For more than 200 test rows.
    ImportError
        Without the extra ``skinfluence[report]``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skinfluence import InfluenceExplainer
    >>> from skinfluence.report import explanation_report
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
    >>> explanation_report(explainer, X[:2], y[:2])
    <Report 'Explanation of predictions': write_html(path) writes the page>
    """
    check_explainer(explainer, removals=True)
    check_whole("k", k)
    n_test = len(row_labels(X_test))
    if n_test > _MOST_ROWS:
        raise ValueError(
            f"X_test has {n_test:,} rows. Expected at most {_MOST_ROWS}: choose some, such as "
            "those of the largest loss."
        )
    if image_shape is not None and columns is None:
        columns = []
    found = explainer.explain(
        X_test, y_test, k, order="both", target=target, method=method, columns=columns
    )

    def images(t):
        """Pictures of the test row, and of a training row by position; None without."""
        if image_shape is None:
            return None
        own = image(X_test, t, image_shape)
        return own, lambda row: image(explainer.X_train_, row, image_shape)

    n_features = 2 if columns is None else None
    context = {
        "facts": f"{len(explainer.row_names_):,} training rows. {explainer.fitted_model_.model!r}. "
        f"skinfluence {__version__}.",
        "words": _words(explainer, found, y_test),
        "rows": [_section(table, images(t)) for t, table in enumerate(found)],
        "figures": [_figure(found, t, n_features, image_shape) for t in range(min(n_test, _DRAWN))],
    }
    return Report("explanation.html", title, context)


def _words(explainer, found, y_test):
    what = found[0].what
    words = [
        f"Training rows behind {counted(len(found), 'prediction')}. Influence is the {what} "
        f"without the training row minus the {what} with it."
    ]
    if y_test is not None and explainer.objective_.coding.is_classification:
        right = int(np.sum([row.prediction for row in found] == np.asarray(y_test)))
        words.append(f"The model predicts {right:,} of {counted(len(found), 'given label')}.")
    if not explainer.fitted_model_.objective.closed_form:
        words += explainer.health().advice()
    return words


def _figure(found, t, n_features, image_shape):
    from skinfluence.displays import TopInfluenceDisplay

    def draw(ax):
        TopInfluenceDisplay.from_explanation(
            found, t, n_features=n_features, image_shape=image_shape, ax=ax
        )
        ax.set_title("", loc="right")

    title = found[t].title
    alt = f"Influences of training rows on {title}, as in the table."
    caption = f"Influences of training rows on {title.partition(':')[0]}."
    return {"svg": draw_svg(draw, alt, number=t + 1), "caption": caption}


def _section(table, images):
    """One test row with its training rows, as texts."""
    largest = np.abs(table.influence).max(initial=0.0)
    groups = []
    for sign in (-1, 1):
        own = np.flatnonzero(sign * table.influence > 0)
        if len(own):
            groups.append(_group(table, own, largest, images))
    return {
        "title": table.title,
        "name": value_text(table.test_row, longest=60),
        "columns": [value_text(name, longest=60) for name in table.features],
        "label": "" if table.what != "loss" else value_text(table.explained_label, longest=60),
        "values": [value_text(value, longest=200) for value in table.test_features.values()],
        "image": images and images[0],
        "groups": groups,
    }


def _group(table, own, largest, images):
    texts = number_text(list(table.influence[own]), digits=3, signed=True)
    features = [values for values in table.features.values()]
    rows = [
        {
            "name": value_text(np.asarray(table.row)[i], longest=60),
            "label": value_text(table.label[i], longest=60),
            "influence": text,
            "width": round(40 * abs(float(table.influence[i])) / largest, 1),
            "image": images and images[1](int(table.position[i])),
            "values": [value_text(values[i], longest=200) for values in features],
        }
        for i, text in zip(own, texts, strict=True)
    ]
    effect = str(table.effect[own[0]])
    return {"effect": effect, "harmful": table.influence[own[0]] < 0, "rows": rows}
