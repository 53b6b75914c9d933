"""Verify and repair on whole indexes."""
