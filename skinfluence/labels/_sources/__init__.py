"""What models that have not seen a row say of it."""
