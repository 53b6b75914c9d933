"""`python -m mmsearch` is `mmsearch`."""

import sys

from mmsearch.cli.main import main

sys.exit(main())
