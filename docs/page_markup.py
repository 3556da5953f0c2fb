"""Markup of the built pages that Sphinx and its extensions leave short of WCAG."""

import re

#: Figures that are drawn wide: they scroll within themselves on a phone.
FIGURE = re.compile(r"<img[^>]*(?:sphx-glr-single-img|plot-directive|_images/benchmark_)[^>]*>")
#: What sphinx-gallery writes of an example where its figure has no title.
GALLERY_ALT = re.compile(r'alt="([^"]*)" class = "sphx-glr-single-img"')
ALT = re.compile(r'alt="([^"]*)"')
#: A corner that heads nothing is a cell.
EMPTY_HEAD = re.compile(r"<th([^>]*)>\s*(?:<p>\s*</p>)?\s*</th>")


def _frame(match):
    """The figure in a box that scrolls and that the keyboard reaches."""
    label = ALT.search(match.group()).group(1)
    box = f'<div class="wide-figure" tabindex="0" role="group" aria-label="{label}">'
    return f"{box}{match.group()}</div>"


def improve(app, pagename, templatename, context, doctree):
    """Describe figures by what they show, let them scroll, and name lists by roles that exist."""
    body = context.get("body")
    if not body:
        return
    title = re.sub("<[^>]+>", "", context.get("title", "")).replace('"', "&quot;")
    body = GALLERY_ALT.sub(
        lambda m: (
            f'alt="{title}: {m.group(1)}" class="sphx-glr-single-img"'
            if not m.group(1).startswith("plot ")
            else f'alt="{title}" class="sphx-glr-single-img"'
        ),
        body,
    )
    body = EMPTY_HEAD.sub(r"<td\1></td>", FIGURE.sub(_frame, body))
    context["body"] = body.replace('role="doc-biblioentry"', 'role="listitem"')
