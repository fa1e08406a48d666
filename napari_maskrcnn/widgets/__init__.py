"""The napari window: thin widgets that read layers, start jobs and show results.

No algorithm lives here and no widget module imports torch; what they call does, in a thread.
"""
