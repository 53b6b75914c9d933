"""One process for people and programs: REST under /api/v1, and one search page."""
