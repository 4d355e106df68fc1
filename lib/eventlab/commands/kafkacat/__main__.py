"""Run `kafkacat`: `python -m eventlab.commands.kafkacat [OPTION]...`."""

import sys

from eventlab.commands.kafkacat import main

sys.exit(main())
