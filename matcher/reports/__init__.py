"""Results as text, JSON and HTML; nothing is computed here."""
