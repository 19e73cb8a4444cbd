"""``python -m motionkit``: the command line, where its script is not on the path."""

import sys

from motionkit.cli.main import main

sys.exit(main())
