"""The command group; each command is a file of its own, with late imports of what it needs."""

import click

from skinfluence import __version__

from ._apply import apply
from ._audit import audit
from ._demo import demo
from ._explain import explain
from ._review import review

EPILOG = """\b
From a CSV file to clean labels:
  skinfluence audit data.csv --target label
  skinfluence explain data.csv --target label --row 17
  skinfluence review data.csv --target label --serve
  skinfluence apply data.csv data.decisions.csv -o clean.csv

\b
Completion of commands and options, for bash (zsh and fish likewise):
  eval "$(_SKINFLUENCE_COMPLETE=bash_source skinfluence)"
"""


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="skinfluence")
def main():
    """Find wrong labels and the training rows behind a prediction, by influence functions."""


for command in (audit, explain, review, apply, demo):
    main.add_command(command)
