"""From a spec to a model: parts made, put together, filled, and told what they are."""

from genesis_hub.assemble.filling import load
from genesis_hub.assemble.whole import assemble

__all__ = ["assemble", "load"]
