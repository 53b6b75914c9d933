"""Tests of mmsearch.rerank."""
