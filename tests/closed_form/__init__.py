"""Models in closed form."""
