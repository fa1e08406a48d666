"""How many user actions repair a prediction: tools and prompts against napari's brush alone.

    python -m benchmarks.session --data FOLDER [--model NAME] [--images ID ...] [--all]

The folder holds ``images`` and ``labels`` of the same stems. A script repairs the model's
prediction until every true object has a label with an IoU of at least 0.7 and no label is left
over; with every policy anew, each time by real edits of the label image. It knows the truth, as a
person who looks at the image does, and foresees what a tool does that only moves pixels about. What
the model answers to a prompt it sees when it has asked, and what it took back was counted.

**Counted** are a click, a drag and a key: one action each, whatever the size of what is drawn. So a
change of the tool is one (its key), Ctrl+Z is one, and a box, an outline, a line, a slider or a
stroke of the brush is one.

*The brush* is in the hand of a person as skilled as can be: any part of an object is painted or
erased in one drag, exactly along its border, whatever its size and form, and the size of the brush
never changes. An object gets its number by M, a key. An outline that is only too large is erased to
size. All objects are painted first and then all erased, so the tools change twice. Where one
outline can be drawn around several labels, the eraser passes over them in one drag, too.

*The tools*, in this order, each when it repairs more than it costs (`Policy` says which count):
the sliders of score and size; *Merge* with an outline around all pieces of an object; *Split* with
straight lines between objects that are one; *Grow*, *Shrink*, *Smooth*, *Fill holes* and *Largest
piece* around everything; *Find* with a box, off by up to 10 %, or with clicks, up to some guesses;
*Delete* with an outline around several labels that fit nothing, if it can be drawn without bends
inward; *Add* with a drag along the true outline. The review by score is not among them: it takes a
key for every object that it shows, so it never takes fewer actions than an outline.

The policy and its numbers were chosen on three images of the training folder, then fixed.
"""
