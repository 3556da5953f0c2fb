"""Tables as people have them, as columns of numbers: categories, gaps, free text."""

from skinfluence._encoding._columns import is_documents, is_free_text, is_missing
from skinfluence._encoding._encoder import table_encoder
from skinfluence._encoding._text import columns_for_trees, leading_directions, text_columns
