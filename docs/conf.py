"""Sphinx configuration. The build needs no network and its pages load nothing from one."""

import configparser
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from api_reference import render  # noqa: E402

import skinfluence  # noqa: E402

(HERE / "api.rst").write_text(render(), encoding="utf-8")

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
    "write_computation_times": False,  # that page would load its table from a network
}

html_theme = "pydata_sphinx_theme"
html_title = f"{project} {release}"
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"
html_theme_options = {"show_prev_next": False, "secondary_sidebar_items": ["page-toc"]}


def _math(self, node, as_block):
    self.body.append(tex2mathml(node.astext(), as_block=as_block))
    raise nodes.SkipNode


def _skip_metadata_requests(app, what, name, obj, skip, options):
    """Leave out the methods which scikit-learn's metadata routing puts on every estimator."""
    if name.startswith("set_") and name.endswith("_request"):
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
