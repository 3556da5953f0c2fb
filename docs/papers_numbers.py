"""The table of the papers' numbers and ours, from benchmarks/results and docs/papers.rst.

The numbers that papers.rst prints after ``>>>`` are tested with it, and are read from there.
"""

import re
from pathlib import Path

from benchmark_figures import tables

PAGE = Path(__file__).resolve().parent / "papers.rst"
LINE = "on the line"


def _fidelity():
    rows = {(row["model"], row["method"]): row["Pearson R"] for row in _only("fidelity")}
    for method in ("first order", "first order, LiSSA"):
        name = "exact" if method == "first order" else "LiSSA"
        ours = rows["ten classes, multinomial", method]
        yield f"Koh & Liang, Figure 2, {name}: predicted and refitted changes, R", LINE, ours
    for t, paper in (("0.001", "0.95"), ("0.1", "0.91")):
        ours = rows[f"1 vs 7, hinge through t = {t}", "first order"]
        yield f"Koh & Liang, Figure 3, smooth hinge, t = {t}: R", paper, ours


def _networks():
    for row in tables("retraining")["Influence, and training that goes on without a row"]:
        title = f"Koh & Liang, Figure 2, right: {row['network']}, 100 strongest rows, R"
        ours = row["R of the 100 strongest"]
        if row["rows"] != "100":
            ours += f" (of {row['rows']}: {row['R']})"
        yield title, "0.86" if "convolutional" in row["network"] else "", ours


def _hospital():
    text = PAGE.read_text("utf-8")
    features = re.search(r"^ +(\d+) features have a larger", text, re.MULTILINE).group(1)
    children = re.search(r"^ +\[([\d. ]+)\]$", text, re.MULTILINE).group(1)
    title = "Koh & Liang, section 5.3"
    yield f"{title}: features with a larger coefficient than the child column", "14", features
    ours = children.replace(".", "").replace(" ", ", ")
    yield f"{title}: influence of the four children, times the next patient", "30 to 40", ours


def _fixing():
    rows = {row["order"]: row for row in _only("fixing")}
    orders = ("self-influence", "loss", "random")
    shares = [rows[f"found, {order}"]["10% inspected"].split()[0] for order in orders]
    title = "Koh & Liang, Figure 6: wrong labels among the first tenth, by " + ", ".join(orders)
    yield title, "self-influence > loss > random", " > ".join(shares)


def _attacks():
    rows = tables("attacks")["Flipped predictions"]
    title = "Koh & Liang, section 5.2: predictions flipped by 1, 2 and 10 changed training rows"
    for name in dict.fromkeys(row["table"] for row in rows):
        ours = [row["flipped"] for row in rows if row["table"] == name]
        yield f"{title}, {name}", "57 %, 77 %, 590 of 591", ", ".join(ours)
    rows = _only("attacks_network")
    for name in dict.fromkeys(row["features"] for row in rows):
        ours = [row["flipped"] for row in rows if row["features"] == name]
        label = f"{title.replace('rows', 'images')}, one grey level of 255, behind a frozen network"
        yield f"{label}: {name}", "57 %, 77 %, 590 of 591", ", ".join(ours)


def _iris():
    text = PAGE.read_text("utf-8")
    for t, paper in (("0.01", "0.8602"), ("0.1", "0.7700")):
        ours = re.search(rf"^ +t = {t}: (.*)$", text, re.MULTILINE).group(1)
        yield f"Liu et al., Figure 4, Iris, t = {t}: R", paper, ours.replace("+-", "±")


def _relative():
    rows = {row["without"]: row for row in next(iter(tables("selection_full").values()))}
    papers = (
        ("nothing", "with all rows", "1.567"),
        ("influence, most helpful", "without the 1,000 of largest influence", "1.599"),
        (
            "relative influence, theta, most helpful",
            "without the 1,000 of largest relative influence",
            "1.577",
        ),
    )
    for name, label, paper in papers:
        row = rows[name]
        ours = f"{row['softmax twice']} (plain {row['loss of these test rows']})"
        yield f"Balkyte, Table 1: loss {label}", paper, ours
    for row in tables("networks_relative")["Seconds of one test row"]:
        large = "several times to 40 times"
        title = "Balkyte, Table 2: time of relative influence in times of influence"
        yield f"{title}, {row['network']}", large, row["ratio, theta"]


def _only(name):
    (rows,) = tables(name).values()
    return rows


def render():
    """A list-table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    head = ("Result", "Paper", "skinfluence")
    for cells in (
        head,
        *_fidelity(),
        *_networks(),
        *_hospital(),
        *_fixing(),
        *_attacks(),
        *_iris(),
        *_relative(),
    ):
        lines += [("     - " if i else "   * - ") + cell for i, cell in enumerate(cells)]
    return "\n".join(lines) + "\n"
