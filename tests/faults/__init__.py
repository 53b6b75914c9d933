"""Faults at the file layer: what commands do when a disk fails them, call by call."""
