"""Principles with parameters: thousands of small principles that a program can check, in many words.

A reward model that reads a few principles in a few wordings learns those wordings. This package makes comparisons under
so many different principles that reading them is the only way to be right: families of principles (``families/``, one
file a kind), each with a checker, ways to name the feature, whole sentences for and against it, and a way to make two
answers that differ in it.
"""
