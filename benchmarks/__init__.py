"""Side-by-side measurements: each figure stands beside something plain that ran in the same process or order.

Not part of the installed package, and never a test: ``python -m benchmarks`` prints figures and judges none.
"""
