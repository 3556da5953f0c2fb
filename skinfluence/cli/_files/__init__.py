"""Tables in files: their text, its dialect, typed columns, and what is odd about them."""
