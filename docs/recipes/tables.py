"""
Tables of numbers
=================

To be written.
"""

import ppgen

print(ppgen.__version__)
