"""Tests of mmsearch.engine."""
