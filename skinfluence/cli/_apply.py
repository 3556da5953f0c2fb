"""``skinfluence apply``: the table with a person's decisions, everything else as it was."""

import os

import click

from ._options import dialect_options, quiet_option

EPILOG = """\b
Examples:
  skinfluence apply data.csv decisions.csv -o clean.csv
  skinfluence apply data.csv.gz decisions.csv -o clean.csv.gz --force
"""


@click.command(epilog=EPILOG, short_help="Write a table with the decisions of a review.")
@click.argument("data", type=click.Path(exists=True, dir_okay=False))
@click.argument("decisions", type=click.Path(exists=True, dir_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    help="File to write; packed if it ends in .gz. Never one of the inputs.",
)
@click.option("--force", is_flag=True, help="Replace an output of another content.")
@click.option(
    "--allow-formulas", is_flag=True, help="Write new labels that a spreadsheet would run."
)
@dialect_options
@quiet_option
def apply(data, decisions, output, force, allow_formulas, dialect, quiet):
    """Write DATA with the DECISIONS of a review: new labels, and rows left out.

    Every other character stays as it is. The output appears whole or not at all. A table that was
    changed after the review is refused.
    """
    from skinfluence._utils.progress import progress_bar

    from ._files.cleaning import apply_decisions

    total, read = os.path.getsize(data) // 1_000_000, 0
    verbose = 0 if quiet or data.endswith(".gz") else None
    with progress_bar(total=total, what="apply", unit="MB", verbose=verbose) as update:

        def tick(characters):
            nonlocal read
            read += characters
            update(0, read // 1_000_000)

        counts = apply_decisions(
            data,
            decisions,
            output,
            **dialect,
            force=force,
            formulas=allow_formulas,
            tick=tick,
        )
    if not quiet:
        order = ("relabelled", "dropped", "kept", "unsure", "undecided")
        click.echo(f"{output}: " + ", ".join(f"{counts[name]:,} {name}" for name in order) + ".")
