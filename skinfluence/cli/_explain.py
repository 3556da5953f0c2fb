"""``skinfluence explain``: the training rows behind the prediction of a row."""

import click

from ._loading import loading
from ._options import MODELS, columns_options, dialect_options, encoder_options, quiet_option

EPILOG = """\b
Examples:
  skinfluence explain data.csv --target label --row 17
  skinfluence explain data.csv --target label --row 0 --row 3 --test new.csv
"""


@click.command(epilog=EPILOG, short_help="Show the training rows behind a prediction.")
@click.argument("data", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--row",
    "rows",
    multiple=True,
    required=True,
    type=click.IntRange(0),
    help="Row to explain, from 0, the first below the names; may be repeated.",
)
@click.option(
    "--test",
    type=click.Path(exists=True, dir_okay=False),
    help="File that --row counts in; its target column may be missing.",
)
@click.option(
    "--top",
    default=5,
    show_default=True,
    type=click.IntRange(1),
    help="Training rows to print of either sign.",
)
@click.option("--html", type=click.Path(dir_okay=False), help="Write a page with the same rows.")
@columns_options
@click.option(
    "--model",
    default="auto",
    show_default=True,
    type=click.Choice([name for name in MODELS if name in ("auto", "logistic", "ridge", "svm")]),
    help="auto: logistic regression for classes, ridge regression for values.",
)
@encoder_options
@dialect_options
@quiet_option
def explain(data, columns, model, encoder, rows, test, top, html, dialect, quiet):
    """Show the training rows that a prediction depends on, with their values.

    The model is fitted to DATA. Rows of DATA themselves are explained by a model without them.
    """
    with loading():
        from ._auditing.explaining import fit_explainer
        from ._auditing.export import check_outputs, check_packages_of_pages
        from ._auditing.models import ModelChoice
        from ._auditing.notes import noted_warnings, print_notes
        from ._auditing.prepare import prepare

    check_outputs(data, (html,))
    if html:
        check_packages_of_pages()
    prepared = prepare(data, **columns, **dialect)
    choice = ModelChoice(model, **encoder)
    explainer, X_test, y_test = fit_explainer(prepared, rows, test, model=choice, **dialect)
    with noted_warnings(prepared.notes):
        found = str(explainer.explain(X_test, y_test, k=top, order="both"))
    if not quiet:
        print_notes(prepared.notes)
    click.echo(found)
    if html:
        from skinfluence.report import explanation_report

        explanation_report(explainer, X_test, y_test, k=min(top, 20)).write_html(html)
        if not quiet:
            click.echo(f"Written: {html}")
