"""Displays as SVG for a page: attributes in place of styles, names of their own, both themes."""

import io
import re
import warnings
from html import escape

from skinfluence.report._page import needed

#: Stands for the colour of text, in whatever theme the page has.
_INK = "#010203"
#: Points of a scatter from which they are drawn as one image.
_MOST_POINTS = 2000


def draw_svg(draw, alt, *, number, size=(9.0, 4.2)):
    """SVG element of a display.

    Parameters
    ----------
    draw : callable
        Takes matplotlib axes, and draws there.
    alt : str
        Text in place of the figure.
    number : int
        Of the figure on its page.
    size : tuple of (width, height), default=(9.0, 4.2)
        In inches; the page scales it.

    Returns
    -------
    str
    """
    rc_context = needed("matplotlib").rc_context
    Figure = needed("matplotlib.figure").Figure
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    style = dict.fromkeys(inked, _INK) | {
        "axes.facecolor": "none",
        "svg.fonttype": "path",
        "svg.hashsalt": "skinfluence",
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # of scripts without a font
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        for ax in figure.axes:
            for points in ax.collections:
                points.set_rasterized(len(points.get_offsets()) > _MOST_POINTS)
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, dpi=110, metadata={"Date": None})
    return embeddable(out.getvalue(), alt, number)


def embeddable(svg, alt, number):
    """SVG of matplotlib as an element for a page with a strict policy.

    Styles become attributes, which a policy without inline styles allows; names get a prefix, so
    that several figures can stand on one page.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r' style="([^"]*)"', _as_attributes, svg)
    svg = svg.replace(_INK, "currentColor")
    named = set(re.findall(r"#([\w.-]+)[\")]", svg))
    svg = re.sub(
        r' id="([^"]*)"', lambda m: f' id="f{number}-{m[1]}"' if m[1] in named else "", svg
    )
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>f{number}-", svg)
    svg = svg.replace("xlink:href", "href")
    svg = re.sub(r">\s+<", "><", svg)
    height, width = (
        re.search(rf'^<svg[^>]* {side}="([\d.]+)pt"', svg)[1] for side in ("height", "width")
    )
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(alt)}" stroke-linejoin="round" stroke-linecap="butt">'
    )
    return head + svg[svg.index(">") + 1 :].strip()


def _as_attributes(match):
    pairs = (part.split(":", 1) for part in match[1].split(";") if ":" in part)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)
