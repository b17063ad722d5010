"""How the embedded bilingual model is made: sentence pairs in, token table and word vectors out.

Not part of the installed package. ``python -m training --help`` lists the arguments; README.md beside this file tells
the whole story. Needs the ``training`` extra (torch, tokenizers).
"""
