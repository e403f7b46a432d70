"""Benchmark figures over the updates of a training run."""

CURVES = "learning_curves"  # name of the files, without their ending
