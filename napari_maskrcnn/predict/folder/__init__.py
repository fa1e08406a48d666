"""Many images at once: which files are meant, and one file from reading to its outputs."""
