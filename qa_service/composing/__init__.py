"""Interchangeable composers: each turns ranked passages into a cited answer, or refuses."""
