"""Typed configuration: the schema that Hydra checks against and the rules across its fields."""
