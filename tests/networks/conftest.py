"""Without torch the code of the page is not collected for its docstrings."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("torch") else ["on_the_page.py"]
