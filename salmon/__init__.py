"""SALMON: self-alignment with instructable reward models (arXiv 2310.05910)."""

import os

__version__ = "0.1.0"

# PyTorch's threads wait for each other by spinning, which takes their cores from whom they wait for as soon as another
# program wants one too; asleep at once, they lose time in each of thousands of small products. So they spin for a few
# microseconds first. OpenMP reads this when torch is loaded: every entry point imports this package before.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ |= {"GOMP_SPINCOUNT": "1000", "OMP_WAIT_POLICY": "passive"}  # the second where it is not GNU's OpenMP
