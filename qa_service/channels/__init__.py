"""Interchangeable channels: each translates a request into a call of the pipeline, and the answer back."""
