"""Findings of an audit as text for a terminal: one screen each."""

from collections import Counter

import click

from skinfluence._utils.tables import counted
from skinfluence.cli._layout import paragraph, table

from .duplicates import CLOSE

CELL = 18


def title(words):
    return "\n" + click.style(words, bold=True)


def head(audit):
    """What was read, and the notes on it."""
    prepared = audit.prepared
    labels, source = prepared.labels, prepared.table
    how = f" ({source.dialect})" if source.dialect else ""
    kinds = Counter(column.kind for column in prepared.columns.values())
    words = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    task = f"{len(audit.flagger.classes_)} classes" if audit.classes else "values"
    lines = [
        paragraph(f"{source.path}{how}: {source.n_rows:,} rows.", "Table   "),
        paragraph(f"{labels.name}, {task}.", "Target  "),
        paragraph(f"{words}.", "Columns "),
        paragraph(audit.flagger.description_, "Model   "),
    ]
    lines += [click.style(paragraph(note, "Note    "), fg="yellow") for note in prepared.notes]
    return "\n".join(lines)


def suspects(audit, top):
    """Rows whose labels look wrong."""
    flagger, n = audit.flagger, len(audit.prepared.labels.rows)
    wrong, error = flagger.noise_rate_ * n, flagger.noise_rate_std_ * n
    what = "labels" if audit.classes else "values"
    lines = [
        title(f"Suspicious {what}"),
        paragraph(
            f"{len(audit.suspects):,} of {n:,} {what} are flagged ({audit.share:.1%}). Estimated "
            f"to be wrong: {wrong:,.0f} +- {error:,.0f}. Rows count from 0, the first below the "
            "names: row 0 is line 2 of a spreadsheet."
        ),
    ]
    if not audit.suspects:
        return "\n".join(lines)
    shown = audit.suspects[:top]
    body = [
        [
            str(suspect.row),
            cut(suspect.given),
            cut(suspect.suggested),
            f"{suspect.wrong:.0%}",
            *(cut(audit.prepared.cell(name, suspect.row)) for name in audit.telling),
            ", ".join(map(str, suspect.against)) or "-",
        ]
        for suspect in shown
    ]
    names = [cut(name) for name in audit.telling]
    header = ["row", "given", "suggested", "wrong", *names, "rows against it"]
    lines.append(table(body, header, left={1, 2, len(header) - 1}))
    if len(audit.suspects) > top:
        lines.append(f"... and {len(audit.suspects) - top:,} more: --top, --csv or --json.")
    if audit.classes:
        pairs = Counter((s.given, s.suggested) for s in audit.suspects).most_common(5)
        words = "; ".join(f"{given!r} to {other!r} {k:,}" for (given, other), k in pairs)
        lines.append(paragraph(f"From the given to the suggested label: {words}."))
    if gain := flagger.summary().gain_in_words:
        lines.append(paragraph(gain.replace("±", "+-")))
    return "\n".join(lines)


def duplicates(audit, top):
    """Equal rows that contradict each other."""
    found = audit.duplicates
    sets = [("equal", rows) for rows in found.exact] + [("nearly", rows) for rows in found.near]
    lines = [
        title("Duplicates"),
        paragraph(
            f"{found.n_repeated:,} rows repeat another one, target included. Equal rows with "
            f"another target: {counted(len(found.exact), 'set')}. Rows that differ in case and "
            f"punctuation alone, with another target: {counted(len(found.near), 'set')}."
        ),
    ]
    if sets:
        lines.append(_sets(audit, ["how"], [[how] for how, _ in sets], sets, top))
    return "\n".join(lines)


def near_duplicates(audit, top):
    """Rows close to each other that contradict each other."""
    found = audit.duplicates
    if not found.distance:
        reason = "too few columns, or nearly all rows are alike"
        return f"{title('Near duplicates')}\nNot looked for: {reason}."
    lines = [
        title("Near duplicates"),
        paragraph(
            f"{counted(len(found.close), 'set')} of rows with another target within "
            f"{found.distance:.3g} of each other: {CLOSE:g} times the median distance of a row to "
            "the nearest one that differs (numbers scaled, categories and words as columns)."
        ),
    ]
    if found.close:
        distances = [[f"{distance:.3g}"] for distance, _ in found.close]
        lines.append(_sets(audit, ["distance"], distances, found.close, top))
    return "\n".join(lines)


def _sets(audit, names, cells, sets, top):
    """Table of the first sets of rows, with the labels that they have."""
    labels = audit.prepared.labels
    text_of = dict(zip(labels.rows.tolist(), labels.texts, strict=True))
    body = []
    for first, (_, rows) in list(zip(cells, sets, strict=True))[:top]:
        counts = Counter(text_of[row] for row in rows.tolist()).most_common(4)
        members = ", ".join(map(str, rows[:6])) + (", ..." if len(rows) > 6 else "")
        body.append([*first, members, ", ".join(f"{cut(label)} x {k}" for label, k in counts)])
    shown = [table(body, [*names, "rows", "targets"], left={0, 1, 2})] if body else []
    more = len(sets) - len(body)
    return "\n".join([*shown, *([f"... and {more:,} more: --top or --json."] if more else [])])


def unlike(audit, top):
    """Rows unlike the rest."""
    prepared = audit.prepared
    lines = [title("Rows unlike the rest")]
    if not audit.unlike:
        return "\n".join([*lines, "No row has values far from those of all others."])
    more = " or more" if len(audit.unlike) == 1000 else ""
    lines.append(
        paragraph(
            f"{len(audit.unlike):,}{more} rows have values far beyond 99 % of the others, or rare "
            "categories."
        )
    )
    body = [
        [
            str(found.row),
            "; ".join(f"{cut(c)} = {cut(prepared.cell(c, found.row))}" for c in found.reasons),
        ]
        for found in audit.unlike[:top]
    ]
    lines.append(table(body, ["row", "values"], left={1}))
    return "\n".join(lines)


def groups(audit, top):
    """Groups with unusual error."""
    lines = [title("Groups with unusual error")]
    if not audit.groups:
        return "\n".join(
            [*lines, "No group of a column is predicted worse or better than the rest."]
        )
    shown = "{:.1%}" if audit.classes else "{:.4g}"
    what = "Share of wrong predictions" if audit.classes else "Mean absolute error"
    body = [
        [
            cut(found.column, 28),
            cut(found.value, 24),
            f"{found.n_rows:,}",
            shown.format(found.error),
            shown.format(found.error_of_others),
            f"{found.z:+.1f}",
        ]
        for found in audit.groups[:top]
    ]
    lines.append(
        paragraph(f"{what} of rows by models without them, and its distance in standard errors.")
    )
    lines.append(table(body, ["column", "value", "rows", "error", "of others", "z"], left={0, 1}))
    return "\n".join(lines)


def cut(text, width=CELL):
    """A cell on one line of at most `width` characters, without what a terminal would obey."""
    text = "".join(c if c.isprintable() else " " for c in text[: 4 * width])
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


#: What is shown after the head.
SCREENS = (suspects, duplicates, near_duplicates, unlike, groups)
