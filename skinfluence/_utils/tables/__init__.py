"""Tables for people, as text of at most 100 characters a line and as HTML."""

from skinfluence._utils.tables._cells import first_names, is_missing, number_text, value_text
from skinfluence._utils.tables._readable import Pairs, Readable, ReadableList
from skinfluence._utils.tables._table import Column, Group, Table, counted
