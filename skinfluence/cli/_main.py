"""The command group; each command is a file of its own, with late imports of what it needs."""

import traceback

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


class Commands(click.Group):
    """Commands of which none ends with code 1 but by a gate that failed."""

    def invoke(self, ctx):
        """Run a command; its errors end with code 2, an interruption with 130."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(130)
        except (ImportError, MemoryError, OSError) as error:
            click.echo(f"Error: {str(error) or 'There is not enough memory.'}", err=True)
        except Exception:
            traceback.print_exc()
        ctx.exit(2)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="skinfluence")
def main():
    """Find wrong labels and the training rows behind a prediction, by influence functions."""


for command in (audit, explain, review, apply, demo):
    main.add_command(command)
