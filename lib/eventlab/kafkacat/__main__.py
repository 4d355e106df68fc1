import sys

from eventlab.kafkacat import main

sys.exit(main())
