"""The schema this code speaks, in a module that costs nothing to import."""

SCHEMA_VERSION = 4
"""`PRAGMA user_version` of a current catalogue; equals its newest migration's number."""

OLDEST_READABLE = 1
"""The oldest schema that can be read as it is, where a catalogue cannot be written.

Schema 2 adds tables of region features, without which nothing but reranking is slower; schema 3
checksums, without which a flipped bit is not seen; schema 4 what changes of the model need, which
are changes.
"""

MODEL_CHANGES_SINCE = 4
"""The schema that knows the previous default space, and since when a space is here."""

APPLICATION_ID = 0x6D6D7365
"""`PRAGMA application_id`: "mmse", which tells a catalogue from another program's file."""
