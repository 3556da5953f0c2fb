"""Sphinx extension: links from code in prose to the API reference, made from the names themselves.

A literal such as `LabelFlagger`, `group_influence(...)` or `explainer.health()` names a public
object and becomes a link to its page. Any other literal stays as it is.
"""

import importlib
import inspect
import re

from api_reference import API_REFERENCE
from docutils import nodes
from sphinx import addnodes

import skinfluence

CODE = re.compile(r"([A-Za-z_][\w.]*)(\(.*\))?", re.DOTALL)
#: What variables of these names hold on every page.
VARIABLES = {"explainer": "InfluenceExplainer", "flagger": "LabelFlagger"}
#: Classes whose methods are linked without the name of the class.
USED_ALONE = ("InfluenceExplainer", "LabelFlagger", "LabelCleaner")
#: Methods that several classes have: without a class they are linked on the class's own page only.
COMMON = {"fit", "predict", "predict_proba", "decision_function", "transform", "fit_transform"}


def _public_methods(cls):
    """Names of the methods that this package writes."""
    found = set()
    for name in dir(cls):
        member = inspect.getattr_static(cls, name)
        member = getattr(member, "__func__", getattr(member, "fget", member))
        module = getattr(member, "__module__", None) or type(member).__module__
        if not name.startswith("_") and module.startswith("skinfluence") and inspect.getdoc(member):
            found.add(name)
    return {n for n in found if not re.fullmatch(r"set_\w+_request|get_metadata_routing", n)}


def _index():
    """Full names of objects and their methods by name, and of methods that are used alone."""
    objects, methods, modules = {}, {}, {"skinfluence"}
    for section in API_REFERENCE:
        module = importlib.import_module(section["module"])
        modules.add(section["module"])
        for name in section["objects"]:
            full = f"{section['module']}.{name}"
            top = hasattr(skinfluence, name) and getattr(skinfluence, name) is getattr(module, name)
            spellings = {name, full, f"skinfluence.{name}" if top else full}
            objects |= dict.fromkeys(spellings, full)
            if not inspect.isclass(getattr(module, name)):
                continue
            for method in _public_methods(getattr(module, name)):
                objects |= {f"{spelling}.{method}": f"{full}.{method}" for spelling in spellings}
                if name in USED_ALONE and method not in COMMON:
                    methods.setdefault(method, f"{full}.{method}")
    return objects | {name: name for name in modules}, methods


OBJECTS, METHODS = _index()


def target(text, owner=None):
    """Full name of the public object that a literal names, or None.

    `owner` is the full name of the class that the page documents, if any.
    """
    match = CODE.fullmatch(text.strip())
    if match is None:
        return None
    name, call = match.groups()
    first, _, rest = name.partition(".")
    if first in VARIABLES and rest:
        return OBJECTS.get(f"{VARIABLES[first]}.{rest}")
    if call and f"{owner}.{name}" in OBJECTS:
        return f"{owner}.{name}"
    if not call and re.fullmatch("[a-z]+", name):
        return None  # an argument, a column or a plain word
    return METHODS.get(name) or OBJECTS.get(name)


def link_literals(app, doctree):
    """Wrap each literal that names a public object into a reference to it."""
    page = app.env.docname
    owner = page.removeprefix("generated/")
    for literal in list(doctree.findall(nodes.literal)):
        parents = (nodes.title, nodes.reference, addnodes.pending_xref, addnodes.desc_signature)
        parent = literal.parent
        while parent is not None and not isinstance(parent, parents):
            parent = parent.parent
        full = target(literal.astext(), owner)
        if parent is not None or full is None or full == owner:
            continue
        link = addnodes.pending_xref(
            "", refdomain="py", reftype="obj", reftarget=full, refdoc=page, refexplicit=True
        )
        link["refwarn"] = True  # a name that the API reference lacks fails the build
        literal.replace_self(link)
        link += literal


def setup(app):
    """Register with Sphinx."""
    app.connect("doctree-read", link_literals)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
