"""TyDiQA with the gold passage."""
