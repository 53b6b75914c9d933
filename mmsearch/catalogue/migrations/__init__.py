"""How a catalogue's schema became what it is: one Alembic revision a version."""
