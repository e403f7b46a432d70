"""One base model, adapters and heads on it, and what is computed with them."""

import os

import torch

# accelerate imports DeepSpeed, which warns on every start where it finds no accelerator and was not told so.
if not torch.cuda.is_available():
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
