"""Findings of an audit as HTML, CSV and JSON."""

import csv
import json
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import skinfluence
from skinfluence._utils.decisions import guard
from skinfluence.cli._files.records import DataError


def check_outputs(data, paths):
    """Raise, before anything is computed, for an output that is the input or cannot be written."""
    paths = [Path(path) for path in paths if path]
    for path in paths:
        if paths.count(path) > 1:
            raise DataError(f"{path} is named for two outputs. Name two files.")
        if data is not None and path.exists() and path.samefile(data):
            raise DataError(f"{path} is the input, which is never overwritten. Name another file.")
        if not path.absolute().parent.is_dir():
            raise DataError(f"{path} cannot be written: there is no such folder.")


def write_csv(audit, path):
    """Write the flagged rows: row, given, suggested, wrong, against_1 ... against_3."""
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["row", "given", "suggested", "wrong", *(f"against_{k}" for k in (1, 2, 3))]
        )
        for found in audit.suspects:
            against = [*found.against, "", "", ""][:3]
            labels = guard(found.given), guard(found.suggested)
            writer.writerow([found.row, *labels, f"{found.wrong:.4f}", *against])


def write_html(audit, path, **images):
    """Write the page on which the labels can be reviewed, with the key of the table's file."""
    prepared = audit.prepared
    table, name = prepared.table, prepared.labels.name
    key = asdict(table.key(name)) if Path(table.path).exists() else None
    title = f"Audit of {name!r} in {Path(table.path).name}"
    page = skinfluence.report.audit_report(
        audit.flagger, title=title, key=key, rows=prepared.labels.rows, **images
    )
    page.write_html(path)


def check_packages_of_pages():
    """Raise, before anything is computed, where a package of the extra "report" is missing."""
    for name in ("jinja2", "matplotlib"):
        if find_spec(name) is None:
            raise DataError(
                f"Pages need {name}, which is not installed: pip install 'skinfluence[report]'"
            )


def write_json(audit, path):
    """Write all findings."""
    Path(path).write_text(json.dumps(to_dict(audit), indent=1, ensure_ascii=False), "utf-8")


def to_dict(audit):
    """All findings of an audit, of plain types."""
    prepared, flagger, duplicates = audit.prepared, audit.flagger, audit.duplicates
    n = len(prepared.labels.rows)
    return {
        "skinfluence": skinfluence.__version__,
        "table": prepared.table.path,
        "rows": prepared.table.n_rows,
        "target": prepared.labels.name,
        "task": "classification" if audit.classes else "regression",
        "model": flagger.description_,
        "columns": {name: column.kind for name, column in prepared.columns.items()},
        "notes": prepared.notes,
        "labels": n,
        "flagged": len(audit.suspects),
        "flagged_share": audit.share,
        "estimated_wrong": float(flagger.noise_rate_ * n),
        "estimated_wrong_std": float(flagger.noise_rate_std_ * n),
        "expected_gain": _known(flagger.expected_gain_),
        "expected_gain_std": _known(flagger.expected_gain_std_),
        "suspects": [asdict(found) for found in audit.suspects],
        "contradicting_duplicates": [rows.tolist() for rows in duplicates.exact],
        "contradicting_near_duplicates": [rows.tolist() for rows in duplicates.near],
        "contradicting_close_rows": [
            {"distance": distance, "rows": rows.tolist()} for distance, rows in duplicates.close
        ],
        "close_below": duplicates.distance,
        "repeated_rows": duplicates.n_repeated,
        "unlike": [asdict(found) for found in audit.unlike],
        "groups": [asdict(found) for found in audit.groups],
    }


def _known(number):
    """The number; None for NaN, which JSON does not have."""
    return None if number != number else number
