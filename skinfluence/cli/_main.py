"""The command group; each command is a file of its own."""

import click

from skinfluence import __version__

from ._demo import demo


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="skinfluence")
def main():
    """Influence functions for scikit-learn: which training rows a prediction depends on."""


main.add_command(demo)
