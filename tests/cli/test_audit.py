"""``audit`` and ``explain`` on small files: what they find, write, refuse, and how they end."""

import csv
import importlib.util
import json
import subprocess
import sys
import warnings

import numpy as np
import pytest
from click.testing import CliRunner

from skinfluence._utils.decisions import hash_file
from skinfluence.cli import main
from skinfluence.cli._auditing import prepare as preparing
from skinfluence.cli._auditing.duplicates import find_alike, find_duplicates
from skinfluence.cli._auditing.findings import find_groups, find_unlike
from skinfluence.cli._auditing.notes import noted_warnings
from skinfluence.cli._files.checks import column_scores, find_leaks
from skinfluence.cli._files.columns import Column

N, WRONG = 120, [5, 40, 77]


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table in which three labels are wrong, with a duplicate, an outlier and a missing label."""
    folder = tmp_path_factory.mktemp("audit")
    random = np.random.RandomState(0)
    good = np.arange(N) % 2 == 0
    size = random.normal(size=N) + 4.0 * good
    color = np.where(good, "red", "blue")
    city = random.choice(["Rome", "Oslo", "Bonn"], N)
    label = np.where(good, "good", "=bad")
    label[WRONG] = np.where(good[WRONG], "=bad", "good")
    weight = random.normal(size=N)
    lines = [
        f"{k},{a:.3f},{b},{c},{d:.3f},{e}"
        for k, (a, b, c, d, e) in enumerate(zip(size, color, city, weight, label, strict=True))
    ]
    lines.insert(0, "id,size,color,city,weight,label")
    lines.append("120,1,red,Rome,900,")  # no label
    lines += ["121,1.5,red,Rome,0.3,good", "122,1.5,red,Rome,0.3,=bad", "123,3,red,Rome,99,good"]
    (folder / "data.csv").write_text("\n".join(lines))
    (folder / "new.csv").write_text("size,color,city,weight\n3.9,red,Oslo,0.1\n-2,blue,Oslo,0\n")
    return folder


def test_an_audit_finds_what_is_wrong(folder):
    files = folder / "suspects.csv", folder / "audit.json", folder / "audit.html"
    result = run(
        *("audit", folder / "data.csv", "--target", "label"),
        *("--csv", files[0], "--json", files[1], "--html", files[2]),
    )
    assert result.exit_code == 0, result.output
    assert hash_file(folder / "data.csv") in files[2].read_text()
    assert "124 rows" in result.output and "\x1b" not in result.output
    found = json.loads(files[1].read_text())
    assert set(WRONG) <= {suspect["row"] for suspect in found["suspects"][:4]}
    assert found["task"] == "classification" and found["labels"] == 123
    assert found["contradicting_duplicates"] == [[121, 122]]
    assert found["unlike"][0]["row"] == 123 and found["unlike"][0]["reasons"] == ["weight"]
    first = found["suspects"][0]
    assert len(first["against"]) == 3 and 120 not in first["against"]
    with open(files[0], newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == [s["row"] for s in found["suspects"]]
    assert {row["given"] for row in rows} <= {"good", "'=bad"}


def test_a_column_of_files_and_columns_of_pixels_are_shown_as_images(folder, tmp_path):
    random = np.random.RandomState(0)
    good = np.arange(60) % 2
    numbers = random.normal(good[:, None], 1, (60, 4))
    body = [
        f"pic{i}.png,{','.join(f'{v:.3f}' for v in numbers[i])},{'no' if good[i] else 'yes'}"
        for i in range(60)
    ]
    (tmp_path / "data.csv").write_text("\n".join(["file,a,b,c,d,y", *body]))
    command = ["audit", tmp_path / "data.csv", "-t", "y", "--html", tmp_path / "page.html"]
    result = run(*command, "--model", "logistic")
    assert result.exit_code == 0, result.output
    assert "images that column 'file' names" in result.output
    assert "pic7.png: there is no such file" in (tmp_path / "page.html").read_text()
    pixels = [*command, "--model", "logistic", "--images"]
    assert run(*pixels, "2x2", "--drop", "file").exit_code == 0
    assert "data:image/png;base64" in (tmp_path / "page.html").read_text()
    assert "needs 6 columns beside the target" in run(*pixels, "2x3", "--drop", "file").output
    assert "neither a column nor HEIGHTxWIDTH" in run(*pixels, "photo").output
    assert "name it with --html" in run(*command[:4], "--images", "file").output


def test_the_gate_decides_the_exit_code(folder):
    command = ["audit", folder / "data.csv", "-t", "label", "--model", "logistic", "--quiet"]
    assert run(*command, "--fail-over", "0.5").exit_code == 0
    failed = run(*command, "--fail-over", "0.001")
    assert failed.exit_code == 1 and "of the labels are flagged" in failed.output
    assert len(failed.output.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--target", "labelx"], "Did you mean 'label'"),
        (["-t", "label", "--model", "ridge"], "Expected one of logistic, svm,"),
        (["-t", "label", "--model", "rbf", "--kernel-map", "5"], "its own encoder and kernel map"),
        (["-t", "label", "--task", "regression"], "which is no number"),
        (["-t", "label", "--drop", "colour"], "no such column"),
        (["-t", "label", "--separator", "ab"], "not one character"),
        (["-t", "label", "--encoding", "utf-0"], "unknown"),
        (["-t", "label", "--json", "data.csv"], "never overwritten"),
        (["-t", "label", "--json", "a.json", "--csv", "a.json"], "two outputs"),
    ],
)
def test_bad_usage_ends_with_code_2(folder, monkeypatch, arguments, words):
    monkeypatch.chdir(folder)
    before = (folder / "data.csv").read_bytes()
    result = run("audit", "data.csv", *arguments)
    assert result.exit_code == 2 and words in result.output
    assert (folder / "data.csv").read_bytes() == before


@pytest.mark.parametrize(
    "error, code, words",
    [
        (PermissionError(13, "Permission denied", "a.json"), 2, "Error: [Errno 13] Permission"),
        (MemoryError(), 2, "Error: There is not enough memory."),
        (RuntimeError("a mistake"), 2, "RuntimeError: a mistake"),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_no_error_ends_with_the_code_of_a_failed_gate(monkeypatch, error, code, words):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("skinfluence.cli._auditing.run.run_audit", fail)
    result = run("audit")
    assert result.exit_code == code and words in result.output
    assert ("Traceback" in result.output) == isinstance(error, RuntimeError)


def test_options_for_a_file_need_one():
    result = run("audit", "--target", "label", "--drop", "size")
    assert result.exit_code == 2 and "--target, --drop: name a file" in result.output


def test_values_are_audited_with_boosting_too(folder):
    result = run(
        *("audit", folder / "data.csv", "-t", "size", "--drop", "label", "--json"),
        *(folder / "values.json", "--model", "forest", "--quiet"),
    )
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "values.json").read_text())
    assert found["task"] == "regression" and "city" in found["columns"]


def test_a_kernel_map_stands_between_the_columns_and_the_model(folder):
    command = ["-t", "label", "--kernel-map", 20]
    files = folder / "plain.json", folder / "kernel.json"
    command += ["--model", "logistic"]
    run("audit", folder / "data.csv", *command[:2], *command[4:], "--json", files[0])
    result = run("audit", folder / "data.csv", *command, "--json", files[1])
    assert result.exit_code == 0, result.output
    plain, kernel = (json.loads(file.read_text())["suspects"] for file in files)
    assert kernel != plain  # and the rows of which linear models are sure
    assert {5, 77} <= {suspect["row"] for suspect in kernel[:3]}
    assert run("explain", folder / "data.csv", *command, "--row", 5).exit_code == 0


def test_skrub_encodes_the_columns_where_it_is_installed(folder):
    command = ["audit", folder / "data.csv", "-t", "label", "--skrub", "--json", folder / "s.json"]
    result = run(*command)
    if importlib.util.find_spec("skrub") is None:
        assert result.exit_code == 2 and "pip install 'skinfluence[skrub]'" in result.output
        pytest.skip("skrub is not installed")
    assert result.exit_code == 0, result.output
    found = json.loads((folder / "s.json").read_text())
    assert {5, 77} <= {suspect["row"] for suspect in found["suspects"][:3]}
    assert "LogisticRegression" in found["model"]


def test_rows_are_the_same_without_pandas(folder, monkeypatch):
    command = ["audit", folder / "data.csv", "-t", "label", "--model", "logistic", "--json"]
    run(*command, folder / "with.json")
    monkeypatch.setattr(preparing, "_pandas", lambda: None)
    run(*command, folder / "without.json")
    both = [json.loads((folder / f"{name}.json").read_text()) for name in ("with", "without")]
    assert both[0]["suspects"] and both[0]["suspects"] == both[1]["suspects"]


def test_a_row_is_explained_by_the_others(folder):
    page = folder / "row.html"
    command = ["explain", folder / "data.csv", "-t", "label", "--row", 5, "--row", 6, "--top", 4]
    result = run(*command, "--html", page)
    assert result.exit_code == 0, result.output
    assert page.read_text().startswith("<!doctype html>")
    assert "row 5" in result.output and "harmful" in result.output
    assert "\n    5 " not in result.output


def test_new_rows_are_explained_with_and_without_labels(folder):
    command = ["explain", folder / "data.csv", "-t", "label", "--test", folder / "new.csv"]
    result = run(*command, "--row", 0, "--row", 1)
    assert result.exit_code == 0, result.output
    assert "predicted good" in result.output and "predicted =bad" in result.output
    beyond = run(*command, "--row", 2)
    assert beyond.exit_code == 2 and "has rows 0 to 1" in beyond.output
    (folder / "few.csv").write_text("size,color\n1,red\n")
    lacking = run(*command[:-1], folder / "few.csv", "--row", 0)
    assert lacking.exit_code == 2 and "lacks the columns 'city', 'weight'" in lacking.output


def test_new_rows_are_read_as_the_data_are(tmp_path):
    days = [f"2024-01-{day:02d},{1000 + 37 * day % 11:,}".split(",", 1) for day in range(1, 31)]
    lines = [f'{day},{k % 7},"{value}"' for k, (day, value) in enumerate(days)]
    (tmp_path / "data.csv").write_text("\n".join(["day,a,y", *lines, ""]))
    command = ["explain", tmp_path / "data.csv", "-t", "y", "--row", 0, "--test"]
    new = tmp_path / "new.csv"
    for row, words in {
        '2024-02-03,1,"1,005"': "loss at the given label 1005",
        '03.02.2024,1,"1,005"': "'day' of the rows holds '03.02.2024'",
        '2024-02-03,b,"1,005"': "'a' of the rows holds 'b'",
    }.items():
        new.write_text(f"day,a,y\n{row}\n")
        assert words in " ".join(run(*command, new).output.split())


def test_warnings_of_an_explanation_are_notes_and_a_lone_label_is_refused(tmp_path):
    lines = [f"{k},{'ab'[k % 2]}" for k in range(20)] + ["3,c", "5,d", "7,d"]
    (tmp_path / "data.csv").write_text("\n".join(["x,label", *lines, ""]))
    command = ["explain", tmp_path / "data.csv", "-t", "label", "--row"]
    lone = run(*command, 20)
    assert lone.exit_code == 2 and "does not know its 'label', 'c'" in lone.output
    both = run(*command, 21, "--row", 22)
    assert both.exit_code == 2 and "fewer at a time" in both.output
    words = run(*command, 21).output  # row 20 is the only one of its class
    assert "Note  Training row(s)" in words and "click" not in words


@pytest.mark.parametrize("model", ["logistic", "boosting"])
@pytest.mark.parametrize("text", ["{} word of the day {} and more", "{:.1s} b c {:d}"])
def test_texts_of_few_words_that_are_nearly_equal_are_audited(tmp_path, model, text):
    lines = [f"{text.format('gb'[k % 2] * 3, k % 40)},{'ab'[k % 2]}" for k in range(60)]
    (tmp_path / "data.csv").write_text("\n".join(["text,label", *lines, ""]))
    result = run("audit", tmp_path / "data.csv", "-t", "label", "--model", model)
    assert result.exit_code == 0 and "1 of text" in result.output, result.output


def test_the_shipped_data_show_the_changed_labels():
    result = run("audit", "--top", 3)
    assert result.exit_code == 0, result.output
    assert "of the first 20 flagged, 20 were changed" in " ".join(result.output.split())


@pytest.mark.parametrize("classes", [True, False])
def test_a_column_that_gives_the_target_away_is_noted(classes):
    random = np.random.RandomState(0)
    y = random.randint(0, 2, 300) if classes else random.normal(size=300)
    columns = {
        "after": Column("numbers", 2.0 * y + 1),
        "before": Column("numbers", y + random.normal(size=300)),
        "color": Column("categories", np.where(y > 0, "red", "blue").astype(object)),
    }
    notes = []
    find_leaks(column_scores(columns, y, classes), classes, notes)
    assert [note.split("'")[1] for note in notes] == ["after", "color"][: 1 + classes]


@pytest.mark.parametrize("n_numbers", [3, 30])  # 30: candidates come from random directions
def test_close_rows_with_another_label_are_found_and_no_others(n_numbers):
    random = np.random.default_rng(0)
    numbers, color = random.normal(size=(400, n_numbers)), random.choice(["red", "blue"], 400)
    label = random.integers(0, 2, 400)
    numbers[:5], color[:5] = numbers[5:10] + 1e-3, color[5:10]
    label[:4], label[4] = 1 - label[5:9], label[9]  # the last pair agrees
    numbers[20], color[20], label[20] = numbers[21], "RED", 1 - label[21]
    color[21] = "red"
    columns = {f"x{i}": Column("numbers", values) for i, values in enumerate(numbers.T)}
    columns["color"] = Column("categories", color.astype(object))
    alike = find_alike(columns)
    found = find_duplicates(alike, np.arange(400) + 7, label, lambda one: np.ptp(one) > 0)
    close = sorted((rows - 7).tolist() for _, rows in found.close)
    assert close == [[0, 5], [1, 6], [2, 7], [3, 8]]
    assert all(0 < distance <= found.distance for distance, _ in found.close)
    assert found.exact == [] and [(rows - 7).tolist() for rows in found.near] == [[20, 21]]


def test_close_rows_are_found_where_most_rows_have_a_twin_at_distance_zero():
    random = np.random.default_rng(0)
    numbers = random.normal(size=(100, 2)).repeat(4, axis=0)  # in fours of which words change place
    words = random.choice([f"w{j}" for j in range(50)], (100, 6)).repeat(4, axis=0)
    texts = [" ".join(random.permutation(row)) for row in words]
    numbers[4:8] = numbers[:4] + 1e-3
    texts[4:8] = texts[:4]
    columns = {f"x{i}": Column("numbers", values) for i, values in enumerate(numbers.T)}
    columns["text"] = Column("text", np.array(texts, dtype=object))
    alike = find_alike(columns)
    label = (np.arange(400) // 4 == 1).astype(int)
    found = find_duplicates(alike, np.arange(400), label, lambda one: np.ptp(one) > 0)
    assert [rows.tolist() for _, rows in found.close] == [list(range(8))]
    assert 1e-3 < found.close[0][0] < found.distance < 0.2
    assert len(np.unique(alike.close)) == 99


@pytest.mark.parametrize(
    ("kind", "pairs", "equal"),
    [
        ("categories", ["A+ A-", "C C#", "C++ C#", "<5 >5", "1.5 1.6", "+ -", "-1 1"], False),
        ("categories", ["yes! Yes", "St.Louis st_louis", "well-known Well:Known"], True),
        ("text", ["It_is_good. it_is,_GOOD!", '"A+",_he_said a+_he_said'], True),
        ("text", ["graded_A+_by_all graded_A-_by_all", ":-) :-("], False),
    ],
)
def test_case_and_punctuation_are_set_aside_but_no_signs(kind, pairs, equal):
    for pair in pairs:
        two = [value.replace("_", " ") for value in pair.split()]
        column = Column(kind, np.array([*two, "another one"], dtype=object))
        plain = find_alike({"a": column}).plain
        assert (plain[0] == plain[1]) == equal, pair
        assert plain[2] not in plain[:2]


def test_groups_of_unusual_error_are_found():
    values = np.repeat(["a", "b", "c"], 200).astype(object)
    error = np.where(values == "b", np.arange(600) % 2, np.arange(600) % 10 == 0).astype(float)
    found = find_groups({"place": Column("categories", values)}, error)
    assert (found[0].value, found[0].error) == ("b", 0.5) and found[0].z > 4
    assert find_groups({"place": Column("categories", values)}, np.arange(600) % 2.0) == []


def test_a_rare_category_and_a_far_value_are_unlike_the_rest():
    kinds = np.array(["x", "y"] * 300 + ["z"], dtype=object)
    numbers = np.append(np.arange(600) % 50, 25).astype(float)
    numbers[7] = 999.0
    columns = {"kind": Column("categories", kinds), "n": Column("numbers", numbers)}
    found = {one.row: one.reasons for one in find_unlike(columns, np.arange(601))}
    assert found == {7: ["n"], 600: ["kind"]}


def test_the_list_of_commands_says_what_each_does():
    result = run("--help")
    assert "..." not in result.output.partition("Commands:")[2].partition("\n\n")[0]


def test_help_has_examples():
    for command in ("audit", "explain", "apply"):
        result = run(command, "--help")
        assert result.exit_code == 0 and f"skinfluence {command} data.csv" in result.output


def test_the_command_is_imported_without_scikit_learn():

    code = "import sys, skinfluence.cli; print('numpy' in sys.modules, 'sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_warnings_of_the_model_are_notes():
    notes = ["first"]
    with noted_warnings(notes):
        for _ in range(2):
            warnings.warn("Not so\nsure.", UserWarning, stacklevel=1)
    assert notes == ["first", "Not so sure."]
