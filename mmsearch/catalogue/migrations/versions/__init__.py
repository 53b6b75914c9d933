"""The revisions, numbered; revision "0001" makes schema version 1."""
