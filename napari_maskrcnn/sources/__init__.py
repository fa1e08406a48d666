"""What an image may come as: any array or file, its axes named, read a piece at a time."""
