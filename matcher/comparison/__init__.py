"""What a change of rules, mapping or panel does to whom: `compare`."""
