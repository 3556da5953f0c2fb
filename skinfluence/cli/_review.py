"""``skinfluence review``: a page to review labels on, as a file or served on this computer."""

from dataclasses import asdict
from pathlib import Path

import click

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
  skinfluence review data.csv --target label            (writes data.review.html)
  skinfluence review data.csv --target label --serve    (keeps data.decisions.csv)
  skinfluence apply data.csv data.decisions.csv -o clean.csv
"""


@click.command(epilog=EPILOG, short_help="Make, or serve, a page to review labels on.")
@click.argument("data", type=click.Path(exists=True, dir_okay=False))
@columns_options
@labels_model_option
@encoder_options
@click.option(
    "--rows",
    "n_rows",
    default=200,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Rows on the page, the most suspicious first.",
)
@images_option
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Name of the page.")
@click.option(
    "--serve",
    is_flag=True,
    help="Serve the page on this computer: decisions are saved at once, rows ranked anew.",
)
@click.option(
    "--decisions", type=click.Path(dir_okay=False), help="File that --serve keeps or continues."
)
@click.option(
    "--every",
    default=20,
    show_default=True,
    type=click.IntRange(1),
    help="Decisions after which --serve ranks the rows anew.",
)
@dialect_options
@quiet_option
def review(
    data, columns, model, encoder, n_rows, images, output, serve, decisions, every, dialect, quiet
):
    """Make a page on which a person reviews the suspicious labels of DATA.

    The page needs no network. It exports the decisions for `skinfluence apply`. With --serve they
    are saved as they are made, and the remaining rows are ranked anew by what was decided.
    """
    with loading():
        from skinfluence._utils.decisions import DecisionsError, continue_decisions
        from skinfluence.report import ReviewServer, audit_report

        from ._auditing.export import check_outputs, check_packages_of_pages
        from ._auditing.images import find_images
        from ._auditing.models import ModelChoice
        from ._auditing.notes import print_notes
        from ._auditing.prepare import prepare
        from ._auditing.run import fit_flagger
        from ._files.records import DataError

    stem = Path(data)
    stem = (stem.with_suffix("") if stem.suffix.lower() == ".gz" else stem).with_suffix("")
    output = output or f"{stem}.review.html"
    decisions = decisions or f"{stem}.decisions.csv"
    check_outputs(data, (decisions if serve else output,))
    check_packages_of_pages()
    prepared = prepare(data, **columns, **dialect)
    labels, shown = prepared.labels, find_images(prepared, images, columns["drop"])
    if prepared.table.dialect is None:
        prepared.notes.append(
            "Decisions are applied to CSV files only. To apply them, export the table as CSV and "
            "review that file."
        )
    key = prepared.table.key(labels.name)
    if serve:  # a file of another table is refused before the model is fitted
        try:
            continue_decisions(decisions, key)
        except DecisionsError as error:
            raise DataError(str(error)) from error
    choice = ModelChoice(model, **encoder)
    flagger = fit_flagger(choice, prepared, verbose=0 if quiet else None)
    if not quiet:
        print_notes(prepared.notes)
    page = audit_report(
        flagger,
        n_rows=n_rows,
        title=f"Review of {labels.name!r} in {Path(data).name}",
        key=asdict(key),
        rows=labels.rows,
        **shown,
    )
    if not serve:
        page.write_html(output)
        if not quiet:
            click.echo(f"Written: {output}")
        return
    server = ReviewServer(page, decisions, every=every)
    click.echo(f"Open {server.url}\nDecisions are saved in {decisions}. Ctrl+C ends.")
    try:
        server.serve()
    except KeyboardInterrupt:
        click.echo(f"\nNext: skinfluence apply {data} {decisions} -o clean.csv")
