"""Wrong labels: finding them, and learning without them."""

__all__: list[str] = []
