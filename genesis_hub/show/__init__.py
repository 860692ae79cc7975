"""Pictures worth looking at, as plain functions: tensors and arrays in, matplotlib figures out."""

from genesis_hub.show.anatomy import Near, Spot, cosines, neighbours, spotted
from genesis_hub.show.answers import confusion, precision_recall, reliability, roc
from genesis_hub.show.curves import curves, read_log
from genesis_hub.show.fractions import fractions
from genesis_hub.show.gradcam import Heat, activations, gradcam
from genesis_hub.show.overlays import channels, overlay
from genesis_hub.show.scans import Scan
from genesis_hub.show.spread import plane, strip, tsne
from genesis_hub.show.stages import activation_maps
from genesis_hub.show.style import png, svg, webp

__all__ = [
    "Heat", "Near", "Scan", "Spot", "activation_maps", "activations", "channels", "confusion",
    "cosines", "curves", "fractions", "gradcam", "neighbours", "overlay", "plane", "png",
    "precision_recall", "read_log", "reliability", "roc", "spotted", "strip", "svg", "tsne", "webp",
]  # fmt: skip
