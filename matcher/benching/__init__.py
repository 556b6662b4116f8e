"""What an inventory costs on a panel: measured, saved, compared with what was saved before."""
