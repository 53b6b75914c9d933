"""Keeping an index sound: checks, repairs, copies, other models."""
