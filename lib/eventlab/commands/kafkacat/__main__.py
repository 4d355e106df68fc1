import sys

from eventlab.commands.kafkacat import main

sys.exit(main())
