"""A project: a folder of images that are annotated one after the other, in files others read."""
