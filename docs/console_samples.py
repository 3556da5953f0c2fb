"""What the commands print on a small table, for `from_csv_to_clean_labels.rst`."""

import csv
import tempfile
from contextlib import chdir
from pathlib import Path

from click.testing import CliRunner

from skinfluence._utils.decisions import Decision, TableKey, append_decision, hash_file
from skinfluence.cli import main
from skinfluence.cli._auditing.shipped import TARGET, noisy_table

COLUMNS = (
    "mean radius",
    "mean texture",
    "worst perimeter",
    "worst area",
    "worst concave points",
    TARGET,
)
TIME = "2026-12-01T17:21:31+00:00"


def write(folder):
    """Write console_audit.txt and so on to a folder."""
    with tempfile.TemporaryDirectory() as place, chdir(place):
        key = _write_table()
        found = _run(f"audit data.csv --target {TARGET} --top 4 --csv suspects.csv")
        command, *screens = found.replace(" --csv suspects.csv", "").split("\n\n")
        samples = {"audit": "\n\n".join([command, screens[0]])}
        samples["screens"] = "\n\n".join(screens[1:-1])  # the last has seconds
        first, second, third = _suspects()
        samples["explain"] = _run(f"explain data.csv --target {TARGET} --row {second.row} --top 3")
        for decision in (first, second, third):
            append_decision("decisions.csv", key, decision)
        samples["decisions"] = Path("decisions.csv").read_text("utf-8")
        samples["apply"] = _run("apply data.csv decisions.csv -o clean.csv")
    for name, text in samples.items():
        (folder / f"console_{name}.txt").write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def _write_table():
    """Write data.csv, and return its key."""
    table, _ = noisy_table()
    with open("data.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(zip(*(table.columns[name] for name in COLUMNS), strict=True))
    return TableKey("data.csv", hash_file("data.csv"), table.n_rows, TARGET)


def _suspects():
    """Decisions about the first three flagged rows: changed, dropped, kept."""
    with open("suspects.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:3]
    made = (("relabel", "large, clear"), ("drop", "image is missing"), ("keep", ""))
    return [
        Decision(
            int(row["row"]),
            row["given"],
            decision,
            row["suggested"] if decision == "relabel" else "",
            float(row["wrong"]),
            note,
            TIME,
        )
        for row, (decision, note) in zip(rows, made, strict=True)
    ]


def _run(command):
    """The command and what it prints."""
    done = CliRunner().invoke(main, command.split(), catch_exceptions=False)
    if done.exit_code:
        raise RuntimeError(f"skinfluence {command}: {done.output}")
    return f"$ skinfluence {command}\n{done.output}"
