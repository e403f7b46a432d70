"""SALMON: self-alignment with instructable reward models (arXiv 2310.05910)."""

__version__ = "0.1.0"
