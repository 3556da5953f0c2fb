"""Reports as one HTML file each: an audit of labels with a page to review them, explanations."""

from skinfluence.report._audit import audit_report
from skinfluence.report._explanations import explanation_report
from skinfluence.report._page import Report
from skinfluence.report._server import ReviewServer

__all__ = ["Report", "ReviewServer", "audit_report", "explanation_report"]


def __dir__():
    return __all__
