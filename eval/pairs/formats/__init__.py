"""The formats in which benchmarks with two or more responses a row are published, and our own for rankings.

A reader takes where a record stands, the record, and the category that its file stands for, and gives its rows.
"""
