"""Indexing and searching: what the command line and the Python API share."""
