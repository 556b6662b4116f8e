"""What a change does, for people and programs: table, JSON document, HTML page."""
