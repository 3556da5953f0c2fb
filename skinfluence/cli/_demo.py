"""``skinfluence demo``: the command; its steps are imported when it runs."""

import click

from ._loading import loading


@click.command(short_help="Find the patients that made a model wrong about a child.")
@click.option(
    "--top",
    default=5,
    show_default=True,
    type=click.IntRange(1, 50),
    help="How many training patients to show on each side.",
)
def demo(top):
    """Find the training patients that made a model wrong about a child, and check by refitting."""
    with loading():
        from ._demo_steps import show

    show(top)
