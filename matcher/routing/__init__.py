"""One member at a time: which surveys a member may be sent to now, while the surveys change."""
