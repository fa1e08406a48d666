"""Many images at once: which are meant, what an earlier run did, and the job that goes on."""
