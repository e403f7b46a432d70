"""SALMON: self-alignment with instructable reward models (arXiv 2310.05910)."""

import os

__version__ = "0.1.0"

# PyTorch's threads wait for each other by spinning, which takes their cores from whom they wait for as soon as another
# program wants one too. OpenMP reads this when torch is loaded: every entry point imports this package before.
if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
