"""`python -m genesis_hub` is the `genesis-hub` command."""

import sys

from genesis_hub.cli import main

sys.exit(main())
