"""Report: one self-contained HTML page, made of templates, styles and scripts of this package."""

import base64
import hashlib
import html
import importlib
import json
from importlib import resources
from pathlib import Path

#: Height of a report in a notebook, in pixels.
_HEIGHT = 700


class Report:
    """A report as one HTML page that needs no network and no other file.

    Notebooks show it in a frame of its own. There, decisions are not kept when the notebook is
    loaded again: export them, or open the written file.

    Parameters
    ----------
    template : str
        Name of the page's template in this package.
    title : str
        Heading of the page.
    context : dict
        Values for the template.
    data : object, default=None
        What the scripts read, as JSON.
    scripts : sequence of str, default=()
        Names of scripts in this package, in their order.

    Attributes
    ----------
    title : str
        Heading of the page.
    html : str
        The whole page.
    """

    def __init__(self, template, title, context, *, data=None, scripts=()):
        self.title = title
        self._template, self._context = template, context
        self._data, self._scripts = data, scripts

    @property
    def html(self):
        """The whole page."""
        return self._render(self._data)

    def write_html(self, path):
        """Write the page to a file.

        Parameters
        ----------
        path : str or path-like
            Name of the file; an existing one is replaced.
        """
        Path(path).write_text(self.html, encoding="utf-8", newline="\n")

    def _render(self, data, context=None, **policy):
        """The page with other data, other values, and additions to its security policy."""
        style = "\n".join(_resource("static", name) for name in ("page.css",))
        script = "\n".join(_resource("static", name) for name in self._scripts)
        return (
            _environment()
            .get_template(self._template)
            .render(
                self._context | (context or {}),
                title=self.title,
                style=_trusted(style),
                script=_trusted(script),
                data=_trusted(script_data(data)) if data is not None else None,
                policy=security_policy(style, script, **policy),
            )
        )

    def _parts(self, context):
        """Elements of the page, by id, with other values for the template."""
        environment = _environment()
        return {
            name: environment.get_template(f"{name}.html").render(self._context | context)
            for name in ("findings", "figures")
        }

    def _repr_html_(self):
        return (
            f'<iframe title="{html.escape(self.title)}" srcdoc="{html.escape(self.html)}" '
            'sandbox="allow-scripts allow-downloads" '
            f'style="width:100%;height:{_HEIGHT}px;border:1px solid gray"></iframe>'
        )

    def __repr__(self):
        return f"<Report {self.title!r}: write_html(path) writes the page>"


def security_policy(style, script, connect="'none'"):
    """Content-Security-Policy that allows this style and this script, images in the page, no more.

    Parameters
    ----------
    style, script : str
        Contents of the two elements; "" for none.
    connect : str, default="'none'"
        Addresses that the script may ask.

    Returns
    -------
    str
    """
    parts = {
        "default-src": "'none'",
        "script-src": _hash(script) if script else "'none'",
        "style-src": _hash(style),
        "img-src": "data:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


def script_data(data):
    """JSON that can stand in an element of HTML: no mark in it ends or opens one."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for mark in "<>&\u2028\u2029":
        text = text.replace(mark, f"\\u{ord(mark):04x}")
    return text.encode("utf-8", "replace").decode("utf-8")  # no halves of surrogate pairs


def _hash(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _resource(folder, name):
    return resources.files("skinfluence.report").joinpath(folder, name).read_text("utf-8").strip()


def _environment():
    jinja2 = needed("jinja2")
    loader = jinja2.FunctionLoader(lambda name: _resource("templates", name))
    return jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _trusted(text):
    """Text of this package, or made by it, that is not escaped."""
    return needed("markupsafe").Markup(text)


def needed(name):
    """Module of the extra "report"."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"Reports need {name.partition('.')[0]}: install skinfluence with its extra, "
            "skinfluence[report]."
        ) from error
