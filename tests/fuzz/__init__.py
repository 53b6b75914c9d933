"""Fuzzing: whatever bytes come in, what comes out is a sound result or an error of our own.

A module a target, each with `check(data)`, `seeds()` and maybe `WORDS`. `python -m tests.fuzz
TARGET` searches for new failures with atheris; `test_replay.py` runs what is known without it.
"""
