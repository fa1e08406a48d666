"""Examples to targets, the fine-tuning loop, and how good its result is."""
