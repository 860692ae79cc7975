"""The layouts that can be converted, by name."""

from training.converting.brats import BRATS
from training.converting.pancreas import PANCREAS
from training.converting.retina import RETINA

LAYOUTS = {"brats": BRATS, "pancreas": PANCREAS, "retina": RETINA}
