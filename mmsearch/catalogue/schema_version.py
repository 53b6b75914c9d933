"""The schema this code speaks, in a module that costs nothing to import."""

SCHEMA_VERSION = 1
"""`PRAGMA user_version` of a current catalogue; equals its newest migration's number."""

APPLICATION_ID = 0x6D6D7365
"""`PRAGMA application_id`: "mmse", which tells a catalogue from another program's file."""
