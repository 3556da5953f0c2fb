"""audit_report: what a label flagger found, and a page to review the rows on."""

import hashlib
import json
from dataclasses import fields

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skinfluence import __version__
from skinfluence._utils.checks import check_whole
from skinfluence._utils.decisions import TableKey
from skinfluence._utils.tables import value_text
from skinfluence.labels import LabelFlagger
from skinfluence.report._figures import draw_svg
from skinfluence.report._neighbors import label_text, review_rows
from skinfluence.report._page import Report
from skinfluence.report._pictures import ImageFiles, Pixels
from skinfluence.report._words import audit_words, confusions

#: Rows of a review page at most.
MOST_ROWS = 1000
SCRIPTS = ("store.js", "server.js", "export.js", "list.js", "detail.js", "review.js")


def audit_report(
    flagger,
    *,
    n_rows=200,
    k=3,
    title="Audit of labels",
    image_shape=None,
    images=None,
    image_folder=".",
    key=None,
    rows=None,
):
    """Make a page with the results of a label flagger, on which the rows can be reviewed.

    The page says how many labels look wrong and between which classes, draws the qualities and the
    noise matrix, and lists the most suspicious rows. Each row is shown next to the training rows
    whose influence opposes and supports its label. Decisions are made by mouse or keyboard, kept in
    the browser, and exported as CSV or JSON.

    Parameters
    ----------
    flagger : LabelFlagger
        Fitted to one column of labels or values.
    n_rows : int, default=200
        Number of rows to review, at most 1,000, the most suspicious first.
    k : int, default=3
        Number of training rows on each side that are shown with a row. Cross-validated models have
        no influences, and no such rows.
    title : str, default="Audit of labels"
        Heading of the page.
    image_shape : tuple of (height, width), default=None
        Rows are images of this shape, as numbers, and shown as such.
    images : sequence of str, or array of shape (n_train, height, width), default=None
        Pictures to show next to the columns: names of PNG or JPEG files in `image_folder`, or grey
        values. Files are made so small that all fit into the page. Those that are missing, no
        image, or outside of the folder are named.
    image_folder : str or path-like, default="."
        Folder that the names of files are relative to.
    key : dict, default=None
        File that the decisions belong to: its name `table`, its hash `sha256`, its number of `rows`
        and its `target`. The command line gives it; ``skinfluence apply`` compares it.
    rows : array-like of int, default=None
        Position in that file of each training row. None: they are all of its rows, in order.

    Returns
    -------
    Report
        With `write_html(path)`; notebooks show it.

    Raises
    ------
    ValueError
        For a flagger of several columns of y, more than 1,000 rows, or images of other rows.
    ImportError
        Without the extra ``skinfluence[report]``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skinfluence import LabelFlagger
    >>> from skinfluence.datasets import flip_labels
    >>> from skinfluence.report import audit_report
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> y_given, _ = flip_labels(y, 0.1, random_state=0)
    >>> audit_report(LabelFlagger().fit(X, y_given))
    <Report 'Audit of labels': write_html(path) writes the page>
    """
    pictures = read_images(flagger, images, image_folder)
    return AuditReport(flagger, n_rows, k, title, image_shape, pictures, key, rows)


class AuditReport(Report):
    """The report of :func:`audit_report`, which can list its rows again after an update."""

    def __init__(self, flagger, n_rows, k, title, image_shape, images, key, rows):
        if not isinstance(flagger, LabelFlagger):
            raise TypeError(f"flagger={flagger!r}. Expected a fitted LabelFlagger.")
        check_is_fitted(flagger)
        if np.ndim(flagger.flagged_) > 1:
            raise ValueError(
                "The flagger was fitted to several columns of y. Pass one of its `flaggers_`."
            )
        check_whole("n_rows", n_rows)
        check_whole("k", k, least=0)
        if n_rows > MOST_ROWS:
            raise ValueError(
                f"n_rows={n_rows}. Expected at most {MOST_ROWS:,}: review these first, and audit "
                "again with the corrected labels."
            )
        check_key(key, rows, len(flagger.flagged_))
        self.flagger = flagger
        self._about = {
            "key": key,
            "ids": rows,
            "n_rows": n_rows,
            "k": k,
            "image_shape": image_shape,
            "images": images,
        }
        data = review_data(flagger, given_labels(flagger), **self._about)
        context = {"facts": facts(flagger)} | findings(flagger)
        super().__init__("audit.html", title, context, data=data, scripts=SCRIPTS)

    def after_update(self, flagger):
        """(data, values for the template) that change on the page with other estimates."""
        data = review_data(flagger, given_labels(flagger), **self._about)
        return {name: data[name] for name in ("rows", "pictures")}, findings(flagger)


def read_images(flagger, images, folder):
    """The pictures of all training rows, or None."""
    if images is None:
        return None
    pixels = getattr(images, "ndim", 1) == 3
    if not pixels and (np.ndim(images) != 1 or isinstance(images, str)):
        raise ValueError(
            f"images is a {type(images).__name__} of shape {np.shape(images)}. Expected one name "
            "of a file per training row, or an array of grey values (n_train, height, width)."
        )
    found = Pixels(images) if pixels else ImageFiles(images, folder)
    if len(found) != len(flagger.row_names_):
        raise ValueError(
            f"images has {len(found):,} entries for {len(flagger.row_names_):,} training rows. "
            "Expected one name of a file, or one array of (height, width), per row."
        )
    return found


def check_key(key, rows, n):
    """Raise where decisions about the n training rows would not belong to the file of the key."""
    names = {field.name for field in fields(TableKey)}
    if key is None:
        if rows is not None:
            raise ValueError("rows are positions in a file: pass its key too.")
        return
    if not isinstance(key, dict) or set(key) != names:
        given = f"has {sorted(key)}" if isinstance(key, dict) else f"is a {type(key).__name__}"
        raise ValueError(f"key {given}. Expected {sorted(names)}.")
    known = key["rows"] if rows is None else len(rows)
    if known != n:
        raise ValueError(
            f"key and rows are of {known:,} rows, the flagger of {n:,}. Expected the position in "
            "the file of each training row."
        )


def given_labels(flagger):
    """Given labels or values of all training rows, as an array."""
    return np.asarray(flagger.report(n_against=0)["given"])


def facts(flagger):
    """One line about the data and the model."""
    n, what = len(flagger.flagged_), flagger.target_type_
    classes = f", {len(flagger.classes_):,} classes" if what == "classes" else ""
    return f"{n:,} rows{classes}. {flagger.description_.rstrip('.')}. skinfluence {__version__}."


def findings(flagger):
    """What the page says and draws of all rows."""
    given = given_labels(flagger)
    return {
        "words": audit_words(flagger, given),
        "confusions": confusions(flagger, given),
        "figures": [label_figure(flagger)],
    }


def label_figure(flagger):
    """Figure of label qualities and the noise matrix, or of values."""
    from skinfluence.displays import LabelReportDisplay

    flagged, quality = flagger.flagged_, flagger.label_quality_
    alt = "Left, histogram of the probability that each label is right: "
    kinds = {f"{flagged.sum():,} flagged rows": flagged, f"{(~flagged).sum():,} others": ~flagged}
    medians = (
        f"{n}, median {np.median(quality[own]):.0%}" for n, own in kinds.items() if own.any()
    )
    alt += "; ".join(medians) + "."
    caption = "Probability that each label is right"
    if flagger.target_type_ == "values":
        alt += " Right, given values against the values predicted without the row."
        caption += "; given values against those predicted without the row."
    elif flagger.noise_model:
        alt += " Right, the estimated share of each given label among the rows of each true class."
        caption += "; estimated share of each given label among the rows of each true class."

    def draw(ax):
        LabelReportDisplay.from_flagger(flagger, ax=ax)

    return {"svg": draw_svg(draw, alt, number=1), "caption": caption.rstrip(".") + "."}


def review_data(flagger, given, *, key, ids, n_rows, k, image_shape, images):
    """What the scripts of the page read."""
    rows = flagger.ranking_[~flagger.reviewed_[flagger.ranking_]][:n_rows]
    classes = flagger.target_type_ == "classes"
    labels = [label_text(c) for c in flagger.classes_] if classes else []
    ids = np.arange(len(given)) if ids is None else np.asarray(ids)
    found, pictures = review_rows(flagger, given, rows, ids, k, image_shape, images)
    data = {
        "kind": flagger.target_type_,
        "labels": labels,
        "shown": [value_text(c, longest=60) for c in labels],
        "rows": found,
        "pictures": pictures,
        "key": key or own_key(flagger, given),
    }
    data["report"] = hashlib.sha256(json.dumps(data).encode()).hexdigest()[:16]
    return data


def own_key(flagger, given):
    """Key of decisions about data that are in no file: by row names, labels and columns."""
    out = hashlib.sha256()
    columns = getattr(flagger, "feature_names_in_", ())
    for part in (columns, np.asarray(flagger.row_names_).tolist(), given.tolist()):
        out.update(repr(list(part)).encode("utf-8", "replace"))
    return {
        "table": "data of a Python session",
        "sha256": out.hexdigest(),
        "rows": len(given),
        "target": "label",
    }
