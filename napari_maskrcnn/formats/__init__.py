"""Labels to the files that other tools read, and back."""
