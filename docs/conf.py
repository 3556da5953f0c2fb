"""Sphinx configuration. The build needs no network and its pages load nothing from one."""

import configparser
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import api_reference  # noqa: E402
import console_samples  # noqa: E402
import measured  # noqa: E402
import page_markup  # noqa: E402
import papers_numbers  # noqa: E402
import supported_models  # noqa: E402

import skinfluence  # noqa: E402

for page, text in (
    ("api.rst", api_reference),
    ("supported_models.rst", supported_models),
    ("_generated/measured.rst", measured),
    ("_generated/papers_numbers.rst", papers_numbers),
):
    (HERE / page).write_text(text.render(), encoding="utf-8")
console_samples.write(HERE / "_generated")

metadata = configparser.ConfigParser()
metadata.read(HERE.parent / "setup.cfg", encoding="utf-8")

project = metadata["metadata"]["name"]
author = metadata["metadata"]["author"]
project_copyright = author
version = release = skinfluence.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "sphinx_design",
    "sphinx_copybutton",
    "matplotlib.sphinxext.plot_directive",
    "code_links",
]
exclude_patterns = ["_build", "_generated", "_templates", "auto_examples/**/*.ipynb"]
templates_path = ["_templates"]
default_role = "literal"

autosummary_generate = True
autodoc_typehints = "none"
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skinfluence",),
    "abort_on_example_error": True,
    "parallel": 2,
    "download_all_examples": False,
    "show_signature": False,
    "thumbnail_size": (480, 340),
    "capture_repr": ("_repr_html_",),  # not of the displays
    "write_computation_times": False,  # that page would load its table from a network
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["skinfluence.css"]
html_favicon = "_static/logo.svg"
html_theme_options = {
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "logo": {"image_light": "_static/logo.svg", "image_dark": "_static/logo.svg", "text": project},
    "header_links_before_dropdown": 5,
    "navigation_depth": 1,  # deeper pages are linked from their parents
}
html_sidebars = {"index": []}

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

plot_html_show_formats = False
plot_html_show_source_link = False
plot_formats = [("png", 120)]
plot_rcparams = {"figure.figsize": (6.0, 4.0), "savefig.bbox": "standard"}


def _math(self, node, as_block):
    self.body.append(tex2mathml(node.astext(), as_block=as_block))
    raise nodes.SkipNode


def _skip_metadata_requests(app, what, name, obj, skip, options):
    """Leave out the methods which scikit-learn's metadata routing puts on every estimator."""
    routing = name.startswith("set_") and name.endswith("_request")
    if routing or name == "get_metadata_routing":
        return True
    return None


def setup(app):
    """Render mathematics as MathML, which browsers draw without a script."""
    app.add_html_math_renderer(
        "mathml",
        inline_renderers=(lambda self, node: _math(self, node, False), None),
        block_renderers=(lambda self, node: _math(self, node, True), None),
    )
    app.connect("autodoc-skip-member", _skip_metadata_requests)
    app.connect("html-page-context", page_markup.improve)
