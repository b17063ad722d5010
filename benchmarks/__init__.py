"""Side-by-side measurements: each figure stands beside something plain that ran in the same process or order.

Not part of the installed package, and never a test: ``python -m benchmarks`` prints figures and judges none.
"""

import os

# As the command line does it: both sides of a measure are to run as the service does. Before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
