"""The command ``skinfluence``. It is used from a shell and has no Python interface to rely on."""

from ._main import main as main
