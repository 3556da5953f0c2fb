"""Messy files: each is read as a person would, or refused with what to do."""

import gzip
import tracemalloc

import numpy as np
import pytest
from click.testing import CliRunner

from skinfluence.cli import main
from skinfluence.cli._auditing.duplicates import find_alike
from skinfluence.cli._auditing.models import ModelChoice, make_model
from skinfluence.cli._auditing.prepare import prepare
from skinfluence.cli._files.records import DataError, guess_dialect

NAN = np.nan


def rows_of(lines, n=12, head="a,b,label"):
    """A text of n rows that repeats some lines."""
    body = [lines[k % len(lines)].replace("#", str(k % 5 + k // 5)) for k in range(n)]
    return "\n".join([head, *body, ""])


PLAIN = rows_of(["#,x,yes", "#,y,no"])
WIDE = ",".join([*(f"c{j}" for j in range(300)), "label"])

#: name -> (bytes, target, what is expected: {column: (kind, first values)} and words of the notes)
READ = {
    "commas": (PLAIN, {"a": ("numbers", [0, 1]), "b": ("categories", ["x", "y"])}, ""),
    "semicolons": (PLAIN.replace(",", ";"), {"a": ("numbers", [0, 1])}, ""),
    "tabs": (PLAIN.replace(",", "\t"), {"a": ("numbers", [0, 1])}, ""),
    "bars": (PLAIN.replace(",", "|"), {"a": ("numbers", [0, 1])}, ""),
    "decimal commas": (
        rows_of(["1,#;x;yes", "2,#;y;no"], head="a;b;label"),
        {"a": ("numbers", [1.0, 2.1])},
        "Decimal commas",
    ),
    "thousands with points": (
        rows_of(["1.00#;0,5;yes", "2.00#;1,5;no"], head="a;b;label"),
        {"a": ("numbers", [1000, 2001])},
        "Decimal commas",
    ),
    "thousands with commas": (
        rows_of(['"1,00#",x,yes', '"2,00#",y,no']),
        {"a": ("numbers", [1000, 2001])},
        "",
    ),
    "currency": (rows_of(["€1#,x,yes", "€ 2#,y,no"]), {"a": ("numbers", [10, 21])}, ""),
    "per cent": (rows_of(["1#%,x,yes", "2# %,y,no"]), {"a": ("numbers", [10, 21])}, ""),
    "Excel's first line": ("sep=;\n" + PLAIN.replace(",", ";"), {"a": ("numbers", [0])}, ""),
    "byte order mark": ("\ufeff" + PLAIN, {"a": ("numbers", [0, 1])}, ""),
    "UTF-16": (("\ufeff" + PLAIN).encode("utf-16-le"), {"a": ("numbers", [0, 1])}, ""),
    "latin-1": (PLAIN.replace("x", "ß").encode("cp1252"), {"b": ("categories", ["ß"])}, ""),
    "gaps": (
        rows_of(["#,x,yes", "NA,,no", "?,n/a,no"]),
        {"a": ("numbers", [0, NAN, NAN]), "b": ("categories", ["x", "(missing)"])},
        "",
    ),
    "empty column": (rows_of(["#,,yes", "#,,no"]), {"a": ("numbers", [0, 1])}, "'b', empty"),
    "constant column": (rows_of(["#,k,yes", "#,k,no"]), {"a": ("numbers", [0])}, "same in every"),
    "copied column": (rows_of(["#,#,yes", "#,#,no"]), {"a": ("numbers", [0])}, "a copy of 'a'"),
    "separators at line ends": (
        PLAIN.replace("\n", ",,\n"),
        {"a": ("numbers", [0]), "b": ("categories", ["x"])},
        "",
    ),
    "names that come again": (
        rows_of(["#,x,yes", "#,y,no"], head="a,a,label"),
        {"a (2)": ("categories", ["x", "y"])},
        "comes again",
    ),
    "a name that comes again and one like it": (
        rows_of(["#,x,7,yes", "#,y,8,no"], head="a,a,a (2),label"),
        {"a (3)": ("categories", ["x", "y"]), "a (2)": ("numbers", [7, 8])},
        "comes again",
    ),
    "a name that looks as if the target came again": (
        rows_of(["#,x,yes", "#,y,no"], head="label (2),b,label"),
        {"label (2)": ("numbers", [0, 1])},
        "",
    ),
    "a quoted name behind the byte order mark": (
        "\ufeff" + rows_of(["#,x,yes", "#,y,no"], head='"a, of b",b,label'),
        {"a, of b": ("numbers", [0, 1])},
        "",
    ),
    "a column without a name": (
        rows_of(["#,x,yes", "#,y,no"], head="a,,label"),
        {"column 1": ("categories", ["x", "y"])},
        "has no name",
    ),
    "identifiers": (
        "id,a,b,label\n" + "".join(f"{k},{k % 3},{k % 4},{k % 2}\n" for k in range(20)),
        {"a": ("numbers", [0, 1])},
        "'id', an identifier",
    ),
    "codes with zeros": (
        rows_of(["0101#,x,yes", "0202#,y,no"]),
        {"a": ("categories", ["01010", "02021"])},
        "",
    ),
    "dates": (
        rows_of(["2024-01-1#,x,yes", "2024-02-1#,y,no"]),
        {"a": ("numbers", [19732, 19764]), "a (month)": ("numbers", [1, 2])},
        "",
    ),
    "days before months": (
        rows_of(["13.01.2024,#,yes", "01.02.2024 12:30,#,no"]),
        {"a": ("numbers", [19735, 19754 + 12.5 / 24])},
        "",
    ),
    "months before days": (
        rows_of(["01/13/2024,#,yes", "02/01/2024,#,no"]),
        {"a": ("numbers", [19735, 19754])},
        "",
    ),
    "days or months": (rows_of(["1/2/2024,#,yes", "2/3/2024,#,no"]), {}, "day/month/year"),
    "no date": (rows_of(["2024-13-0#,x,yes", "2024-14-01,y,no"]), {}, ""),
    "numbers and a few words": (
        "a,b,label\n" + "".join(f"{k + 0.5},{k % 3},{k % 2}\n" for k in range(40)) + "bad,1,1\n",
        {"a": ("numbers", [0.5, 1.5])},
        "('bad'): taken as missing",
    ),
    "mixed types": (
        rows_of(["#,x,yes", "word,y,no"]),
        {"a": ("categories", ["0", "word"])},
        "",
    ),
    "free text": (
        "a,b,label\n" + "".join(f"mail {k} of many words,{k % 3},{k % 2}\n" for k in range(20)),
        {"a": ("text", ["mail 0 of many words"])},
        "",
    ),
    "free text without a letter": (
        "a,b,label\n" + "".join(f"{'?! ' * (k + 3)},{k % 3},{k % 2}\n" for k in range(20)),
        {"a": ("text", ["?! ?! ?!"])},
        "",
    ),
    "quoted newlines": (
        rows_of(['#,"x\nz",yes', '#,"y, ""z""",no']),
        {"b": ("categories", ["x\nz", 'y, "z"'])},
        "",
    ),
    "spaces before quotes": (
        rows_of(['#, "x, z", yes', '#, "y", no']),
        {"b": ("categories", ["x, z", "y"])},
        "",
    ),
    "empty lines": (PLAIN.replace("\n", "\n\n") + ",,\n", {"a": ("numbers", [0, 1])}, ""),
    "labels missing": (
        rows_of(["#,x,yes", "#,y,", "#,y,no"]),
        {"a": ("numbers", [0, 2])},
        "4 of 12 rows have no 'label'",
    ),
    "labels that differ in case": (rows_of(["#,x,Yes", "#,y,yes"]), {}, "case or spaces only"),
    "a class of one row": (PLAIN + "9,x,maybe\n", {}, "1 of 3 classes have one row only"),
    "300 columns": (
        WIDE
        + "\n"
        + "".join(",".join([f"{j + k % 3}" for j in range(301)]) + "\n" for k in range(9)),
        {"c0": ("numbers", [0, 1, 2])},
        "",
    ),
    "null bytes": (PLAIN.replace("x", "x\0"), {"b": ("categories", ["x\0"])}, ""),
    "a cell of 100 kB": (PLAIN + f"1,{'w' * 100_000},no\n", {"a": ("numbers", [0])}, ""),
    "infinite numbers": (
        "a,b,label\n" + "".join(f"{k},{k % 3},{k % 2}\n" for k in (*range(40), 3)) + "inf,1,1\n",
        {"a": ("numbers", [0, 1])},
        "('inf'): taken as missing",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_a_messy_file_is_read(tmp_path, name):
    data, columns, words = READ[name]
    path = tmp_path / "data.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    prepared = prepare(path, "label")
    for column, (kind, values) in columns.items():
        found = prepared.columns[column]
        assert found.kind == kind
        expected = np.array(values, dtype=found.values.dtype)
        np.testing.assert_array_equal(found.values[: len(values)], expected)
    assert words in " ".join(prepared.notes)
    assert len(prepared.X) == len(prepared.labels.y)


REFUSED = {
    "nothing": ("", "label", "is empty"),
    "names only": ("a,b,label\n", "label", "no row"),
    "one cell a line": ("label\nyes\nno\n", "label", "No separator found in "),
    "another target": (PLAIN, "labelx", "Did you mean 'label'"),
    "no name of a target": (PLAIN.replace("label", "out"), None, "Name it with --target"),
    "a target that comes again": (
        rows_of(["1,x,yes"], head="a,label,label"),
        "label",
        "Two columns",
    ),
    "a target that is called otherwise in the file": (
        rows_of(["1,x,yes", "2,y,no"], head="a,b,b"),
        "b (2)",
        "Name it in the file",
    ),
    "one class": (rows_of(["#,x,yes"]), "label", "with one class there is no"),
    "names as labels": (
        "a,b,label\n" + "".join(f"{k % 3},{k % 2},name {k}\n" for k in range(50)),
        "label",
        "too many for classes",
    ),
    "10,000 classes": (
        "a,b,label\n" + "".join(f"{k % 3},{k % 2},L{k % 10_000}\n" for k in range(30_000)),
        "label",
        "10,000 different labels",
    ),
    "no labels": (rows_of(["#,x,", "#,y,NA"]), "label", "missing in all rows"),
    "no line of names": ("1,2,3\n4,5,6\n", "3", "put a line of names first"),
    "too many cells": (PLAIN + "1,2,3,4\n", "label", "row 12 below the names has 4 cells"),
    "a quote that stays open": (PLAIN + '1,"x,no\n' + "w" * 140_000, "label", "quotation mark"),
    "a workbook": (b"PK\x03\x04rest", "label", "Excel workbook"),
    "JSON": ('{"a": 1}', "label", "JSON"),
    "packed under another name": (gzip.compress(PLAIN.encode()), "label", r"ends in \.gz"),
    "no column to learn from": (rows_of(["k,,yes", "k,,no"]), "label", "No column is left"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_in_words(tmp_path, name):
    data, target, words = REFUSED[name]
    path = tmp_path / "data.csv"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    with pytest.raises(DataError, match=words) as caught:
        prepare(path, target)
    assert caught.value.exit_code == 2


def test_packed_and_parquet_files_are_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    first = prepare(tmp_path / "data.csv.gz", "label")
    pandas.read_csv(tmp_path / "data.csv.gz").to_parquet(tmp_path / "data.parquet")
    second = prepare(tmp_path / "data.parquet", "label")
    for name, column in first.columns.items():
        np.testing.assert_array_equal(column.values, second.columns[name].values)
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(PLAIN.encode())[:-12])
    with pytest.raises(DataError, match="cannot be read"):
        prepare(tmp_path / "cut.csv.gz", "label")


@pytest.mark.parametrize(
    "column, task, found",
    [
        (["1", "0"], "auto", "classification"),
        (["1.5", "0.2"], "auto", "regression"),
        (["1", "0"], "regression", "regression"),
        (["1.5", "0.2"], "classification", "classification"),
        (["10", "-3"], "auto", "classification"),
    ],
)
def test_the_task_is_that_of_the_target(tmp_path, column, task, found):
    path = tmp_path / "data.csv"
    path.write_text(rows_of([f"#,x,{column[0]}", f"#,y,{column[1]}"]))
    labels = prepare(path, "label", task=task).labels
    assert labels.task == found
    assert labels.text(labels.y[0]) == column[0]


@pytest.mark.parametrize(
    "model, task, name",
    [
        ("auto", "auto", "Ridge"),
        ("ridge", "auto", "Ridge"),
        ("logistic", "auto", "LogisticRegression"),
        ("auto", "classification", "LogisticRegression"),
        ("svm", "regression", "LinearSVR"),
    ],
)
def test_many_whole_numbers_are_values_for_models_by_name(tmp_path, model, task, name):
    path = tmp_path / "data.csv"
    path.write_text("a,b,label\n" + "".join(f"{k % 3},{k % 5},{k % 15}\n" for k in range(45)))
    made = make_model(ModelChoice(model), prepare(path, "label", task=task))
    assert type(made[-1]).__name__ == name


def test_a_separator_is_taken_from_the_name_of_the_target(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("a,b;label\n1,5;yes\n2,5;no\n")
    assert guess_dialect(path, target="label").separator == ";"
    assert guess_dialect(path, target="label", encoding="latin-1").encoding == "iso8859-1"


@pytest.mark.parametrize("model", ["auto", "logistic"])
def test_a_table_of_texts_without_a_letter_is_audited(tmp_path, model):
    path = tmp_path / "data.csv"
    lines = [f"{'?! ' * (k % 10 + 3)},{k % 7},{'yn'[k % 2]}" for k in range(60)]
    path.write_text("\n".join(["a,b,label", *lines, ""]))
    done = CliRunner().invoke(main, ["audit", str(path), "-t", "label", "--model", model])
    assert done.exit_code == 0, done.output


def test_one_long_cell_takes_no_memory_for_all_rows(tmp_path):
    path = tmp_path / "data.csv"
    lines = [f"word {k} of many,{k % 7},{'yn'[k % 2]}" for k in range(2000)]
    lines[5] = "word " * 20_000 + ",1,y"
    path.write_text("\n".join(["a,b,label", *lines, ""]))
    columns = prepare(path, "label").columns
    tracemalloc.start()
    find_alike(columns)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # an array of texts of one length would take 800 MB
