"""Tables for people, as text of at most 100 characters a line and as HTML."""

from skinfluence._utils.tables._cells import number_text, value_text
from skinfluence._utils.tables._readable import Pairs, Readable
from skinfluence._utils.tables._table import Column, Group, Table, counted

__all__ = ["Column", "Group", "Pairs", "Readable", "Table", "counted", "number_text", "value_text"]
