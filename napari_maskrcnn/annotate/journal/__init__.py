"""The journal: every edit is on the disk within a second, and comes back after a crash."""
