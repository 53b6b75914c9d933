"""`python -m mmsearch` is `mmsearch`."""

from mmsearch.cli.main import main

main()
