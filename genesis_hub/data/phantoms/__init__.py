"""Made-up images, called phantoms wherever they appear: seeded, labelled, nobody's."""

from genesis_hub.data.phantoms.chest import chest_ct
from genesis_hub.data.phantoms.head import head_ct, head_ct_volume
from genesis_hub.data.phantoms.phantom import Phantom
from genesis_hub.data.phantoms.xray import chest_xray

__all__ = ["Phantom", "chest_ct", "chest_xray", "head_ct", "head_ct_volume"]
