"""Tests of mmsearch.runtime."""
