"""The version, where reading it loads nothing else."""

VERSION = "0.1.0"
