"""What the metrics hold, by name and labels."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, frozenset[tuple[str, str]]]


def samples(text: str) -> dict[Sample, float]:
    """Every sample of an exposition."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def changes(
    before: dict[Sample, float], after: dict[Sample, float], name: str
) -> dict[frozenset[tuple[str, str]], float]:
    """By how much the samples of a name have grown, those that have."""
    grown = {labels: value - before.get((at, labels), 0.0) for (at, labels), value in after.items() if at == name}
    return {labels: value for labels, value in grown.items() if value}
