"""Benchmarks whose rows rank two or more responses, under a guideline of the row's own where it has one."""
