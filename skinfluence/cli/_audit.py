"""``skinfluence audit``: wrong labels and other oddities of a table in a file."""

import sys
from functools import partial

import click
from click.core import ParameterSource

from ._loading import loading
from ._options import (
    columns_options,
    dialect_options,
    encoder_options,
    images_option,
    labels_model_option,
    quiet_option,
)

EPILOG = """\b
Examples:
  skinfluence audit                                  (data that come with scikit-learn)
  skinfluence audit data.csv --target label
  skinfluence audit data.csv.gz --target price --task regression --drop id
  skinfluence audit data.csv --target label --html audit.html
  skinfluence audit data.csv --target label --csv suspects.csv --json audit.json
  skinfluence audit data.csv --target label --fail-over 0.05 --quiet

\b
Exit codes: 0 fine, 1 more labels are flagged than --fail-over allows, 2 bad usage or data.
"""


@click.command(epilog=EPILOG, short_help="Find wrong labels and other oddities of a table.")
@click.argument("data", required=False, type=click.Path(exists=True, dir_okay=False))
@columns_options
@labels_model_option
@encoder_options
@click.option(
    "--strict", is_flag=True, help="Flag only labels that are wrong with high confidence."
)
@click.option(
    "--top", default=15, show_default=True, type=click.IntRange(0), help="Rows to print of each."
)
@click.option(
    "--html", type=click.Path(dir_okay=False), help="Write a page to review the labels on."
)
@images_option
@click.option("--csv", type=click.Path(dir_okay=False), help="Write the flagged rows.")
@click.option("--json", type=click.Path(dir_okay=False), help="Write all findings.")
@click.option(
    "--fail-over",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="End with code 1 if a larger share of the labels is flagged.",
)
@dialect_options
@quiet_option
def audit(
    data, columns, model, encoder, strict, top, html, images, csv, json, fail_over, dialect, quiet
):
    """Find wrong labels in DATA, a file of CSV, TSV or Parquet (also packed as .gz).

    Separator, encoding, decimal commas, dates and kinds of columns are guessed, and stated. Also
    shown: duplicates and near duplicates that contradict each other, rows unlike the rest, and
    groups of rows that are predicted worse than others.
    """
    with loading():
        from ._auditing import export, shipped, text
        from ._auditing.images import find_images
        from ._auditing.models import ModelChoice
        from ._auditing.prepare import prepare, prepare_table
        from ._auditing.run import EXPLAINED, run_audit

    if images and not html:
        raise click.UsageError("--images is about the page: name it with --html.")
    export.check_outputs(data, (html, csv, json))
    if html:
        export.check_packages_of_pages()
    if data is None:
        _refuse_options_without_file()
        table, changed = shipped.noisy_table()
        prepared = prepare_table(table, shipped.TARGET)
    else:
        changed = None
        prepared = prepare(data, **columns, **dialect)
    shown = find_images(prepared, images, columns["drop"]) if html else {}
    found = run_audit(
        prepared,
        model=ModelChoice(model, **encoder),
        contamination="strict" if strict else "auto",
        explain=EXPLAINED if csv or json else top,
        verbose=0 if quiet else None,
    )
    if not quiet:
        click.echo(text.head(found))
        for screen in text.SCREENS:
            click.echo(screen(found, top))
        if changed is not None:
            click.echo(text.title("Checked") + "\n" + shipped.check(found, changed))
        click.echo(f"\n{found.seconds:.1f} s")
    write_html = partial(export.write_html, **shown)
    outputs = ((html, write_html), (csv, export.write_csv), (json, export.write_json))
    for path, write in outputs:
        if path:
            write(found, path)
            if not quiet:
                click.echo(f"Written: {path}")
    if fail_over is not None and found.share > fail_over:
        click.secho(
            f"{found.share:.1%} of the labels are flagged, more than {fail_over:.1%}.",
            fg="red",
            err=True,
        )
        sys.exit(1)


def _refuse_options_without_file():
    """Raise for options that would be ignored where the shipped data are audited."""
    context = click.get_current_context()
    given = [
        f"--{name}"
        for name in ("target", "task", "drop", "keep", "images", "separator", "encoding")
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT
    ]
    if given:
        raise click.UsageError(
            f"{', '.join(given)}: name a file that the options are for, as in "
            "'skinfluence audit data.csv --target label'."
        )
