"""Tests of mmsearch.media."""
