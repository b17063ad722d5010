"""A language model that a server of llama.cpp loads in a moment: random weights, whose answers are babble."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

_WIDTH = 64
_HEADS = 2
_LAYERS = 2
_HIDDEN = 192
_LONGEST_CONTEXT = 8192  # tokens; how many of them are used is for the server to say

_UNKNOWN, _BEGIN, _END = range(3)
_CONTROL = ["<unk>", "<s>", "</s>"]
# Weights as they are usually drawn say one word over and over; these let what was said before change what comes next.
_SPREAD = 5.0
# The first entry of every token's vector is one and no layer changes it: the output's weight for it is added to how
# likely a token is said, whatever came before.
_NEVER = -1e6


def write_model(path: Path, words: Iterable[str], seed: int = 0) -> Path:
    """Write a model of the llama architecture that says these words in any order and never comes to an end.

    What is not one of the words is read as one unknown token, however long: any prompt is short. The same words and
    seed give the same weights.
    """
    said = sorted(set(words))
    writer = GGUFWriter(path, "llama")
    _describe(writer)
    _add_vocabulary(writer, said)
    for name, weights in _weights(len(_CONTROL) + len(said), np.random.default_rng(seed)).items():
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: GGUFWriter) -> None:
    writer.add_context_length(_LONGEST_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)


def _add_vocabulary(writer: GGUFWriter, said: list[str]) -> None:
    writer.add_tokenizer_model("t5")  # the one kind that takes whole words, with no rules for how letters join
    writer.add_token_list([*_CONTROL, *(f"▁{word}" for word in said)])
    writer.add_token_scores([0.0] * len(_CONTROL) + [-1.0] * len(said))
    writer.add_token_types([TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.NORMAL] * len(said)])
    writer.add_unk_token_id(_UNKNOWN)
    writer.add_bos_token_id(_BEGIN)
    writer.add_eos_token_id(_END)
    writer.add_add_eos_token(False)


def _weights(tokens: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Every matrix as (outputs, inputs), by the name that the architecture gives it."""

    def matrix(outputs: int, inputs: int) -> np.ndarray:
        return _SPREAD * random.standard_normal((outputs, inputs)) / np.sqrt(inputs)

    embeddings, output = random.standard_normal((2, tokens, _WIDTH))
    embeddings[:, 0] = 1
    output[:, 0] = 0
    output[: len(_CONTROL), 0] = _NEVER
    weights = {"token_embd": embeddings, "output_norm": np.ones(_WIDTH), "output": output}
    for layer in range(_LAYERS):
        parts = {f"attn_{name}": matrix(_WIDTH, _WIDTH) for name in ("q", "k", "v", "output")}
        parts |= {"ffn_gate": matrix(_HIDDEN, _WIDTH), "ffn_up": matrix(_HIDDEN, _WIDTH)}
        parts["ffn_down"] = matrix(_WIDTH, _HIDDEN)
        parts["attn_output"][0] = parts["ffn_down"][0] = 0
        parts |= {"attn_norm": np.ones(_WIDTH), "ffn_norm": np.ones(_WIDTH)}
        weights |= {f"blk.{layer}.{name}": part for name, part in parts.items()}
    return weights
