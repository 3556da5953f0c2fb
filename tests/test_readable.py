"""Tables for people: aligned numbers, short lines, words where nothing was found, safe HTML."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from skinfluence import InfluenceExplainer
from skinfluence._utils.tables import Column, Pairs, Readable, Table, number_text, value_text
from skinfluence.components import influence_components
from skinfluence.groups import most_influential_group, smallest_flipping_set
from skinfluence.selection import select_diverse, select_prototypes


@pytest.mark.parametrize(
    "numbers, texts",
    [
        ([3.348296, 0.1959, 12.0], ["3.35", "0.20", "12.00"]),
        ([0.5, 1.25], ["0.50", "1.25"]),
        ([1032.0, 7.0], ["1032", "7"]),
        ([880.2, 1032.5], ["880", "1032"]),
        ([1.2345678e-05, -2e-06], ["1.23e-05", "-2.00e-06"]),
        ([4.2e9, 1.5], ["4.20e+09", "1.50e+00"]),
        ([0.25, np.nan, None, np.inf], ["0.25", "NaN", "", "+inf"]),
        ([-0.00001, 1.5], ["0.0", "1.5"]),
        ([0.0, 0.0], ["0", "0"]),
        ([], []),
    ],
)
def test_numbers_of_a_column_share_their_decimals(numbers, texts):
    assert number_text(numbers) == texts


def test_signed_numbers_have_a_sign():
    assert number_text([0.25, -0.1, 0.0], signed=True) == ["+0.25", "-0.10", "+0.00"]


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "missing"),
        (float("nan"), "missing"),
        (pd.NaT, "missing"),
        (pd.NA, "missing"),
        (np.float32(0.1), "0.1"),
        (np.datetime64("2024-02-29"), "2024-02-29"),
        (pd.Timestamp("2024-02-29"), "2024-02-29"),
        ("two\nlines\tand\x1b[31m", "two lines and?[31m"),
        ("", '""'),
        (("u", 3), "(u, 3)"),
        (np.array([1.5, np.nan]), "(1.5, missing)"),
        (np.bool_(True), "True"),
        (pd.Interval(0, 1), "(0, 1]"),
        ("\ud800", "?"),
    ],
)
def test_values_are_one_line_of_printable_text(value, text):
    assert value_text(value) == text


class Rude:
    def __str__(self):
        raise RuntimeError("no words")


def test_a_value_that_cannot_be_printed_is_named_by_its_type():
    assert value_text(Rude()) == "<Rude>"
    assert value_text("x" * 100, longest=10) == "xxxxxxx..."
    assert Column("id", [10**400, 3]).cells()[0] == ["1" + "0" * 20 + "...", "3"]


class Page(HTMLParser):
    """The text of each cell, and whether every element is closed in its turn."""

    def __init__(self, html):
        super().__init__()
        self.open, self.cells = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            self.cells[-1] += " "
        else:
            self.open.append(tag)
        if tag in ("td", "th", "p"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th", "p"):
            self.cells[-1] += data


class Made(Readable):
    def __init__(self, *parts):
        self._parts = lambda: parts


def test_text_and_html_say_the_same():
    table = Table([Column("name", ["a", "<b>"], "name"), Column("x_and_y_and_z", [1.5, 22.25])])
    made = Made(table, Pairs([("one", "1 & 2")]), "- a sentence")
    page = Page(made._repr_html_())
    assert page.open == []
    table = ["name", "x_and_y_ and_z", "a", "1.50", "<b>", "22.25"]
    assert page.cells == [*table, "one", "1 & 2", "- a sentence"]
    assert str(made).splitlines() == [
        "        x_and_y_",
        "  name     and_z",
        "     a      1.50",
        "   <b>     22.25",
        "one  1 & 2",
        "- a sentence",
    ]


def test_bars_are_as_long_as_the_numbers_are_large():
    html = Made(Table([Column("x", [2.0, -1.0, np.nan, None], "signed", bar=True)]))._repr_html_()
    assert re.findall(r'class="(up|down)" style="width:([\d.]+)%"', html) == [
        ("up", "50.0"),
        ("down", "25.0"),
    ]


def test_many_rows_and_columns_stay_within_the_page():
    long = Table(
        [Column("i", range(2000), "name"), *(Column(f"c{j}", [1.5] * 2000) for j in "abc")]
    )
    lines = str(Made(long)).splitlines()
    assert len(lines) == 32 and lines[-1] == "... and 1,970 more rows"
    wide = [Column(f"a long name of column {j}", [10.0 / 7]) for j in range(30)]
    for optional in (False, True):
        columns = [Column(c.name, c.values, optional=optional) for c in wide]
        lines = Made(Table([Column("i", [7], "name"), *columns])).__str__().splitlines()
        assert max(map(len, lines)) <= 100
        assert sum(line.strip().startswith("7") for line in lines) == (1 if optional else 5)


X, y = load_iris(return_X_y=True, as_frame=True)
X.index = y.index = [f"flower {i}" for i in range(150)]
explainer = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y)
RESULTS = {
    "health": lambda: explainer.health(),
    "explanation": lambda: explainer.explain(X[:2], y[:2], k=3),
    "flipping sets": lambda: smallest_flipping_set(explainer, X[76:79], max_rows=3),
    "flipping set": lambda: smallest_flipping_set(explainer, X[77:78])[0],
    "group": lambda: most_influential_group(explainer, X[76:79], n_rows=3),
    "diverse rows": lambda: select_diverse(explainer, 3, X[70:80]),
    "prototypes": lambda: select_prototypes(explainer, 3, X[70:80]),
    "components": lambda: influence_components(explainer, X[70:80], y[70:80]),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results_read_well(name):
    result = RESULTS[name]()
    text, page = str(result), Page(result._repr_html_())
    assert repr(result) == text and page.open == []
    assert max(map(len, text.splitlines())) <= 100
    assert "array(" not in text and "object at" not in text and "dtype" not in text
    assert ("flower" in text) == (name != "health")
    words = set(re.findall(r"[a-z]{3,}", text))
    assert words <= set(re.findall(r"[a-z]{3,}", " ".join(page.cells).replace("_ ", "_")))


def test_what_was_not_found_is_said_in_words():
    stays = smallest_flipping_set(explainer, X[:1], max_rows=2)
    assert "not found" in str(stays) and "stays" in str(stays)
    assert "The prediction 0 stays: no set of at most 2 training rows was found" in str(stays[0])
    assert "no set of at most" in stays[0]._repr_html_()
    weights = np.zeros(150)
    weights[[0, 50, 100]] = 1.0
    few = InfluenceExplainer(LogisticRegression(max_iter=1000)).fit(X, y, sample_weight=weights)
    group = most_influential_group(few, X[:3], n_rows=2, direction="decrease")
    assert len(group.rows) or "No training rows were found" in str(group)
