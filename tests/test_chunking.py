"""Sentences and passages: where they end in both languages, and what holds for any text."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_service.articles import Article, DocumentFile, canonical, read_article
from qa_service.chunking import ChunkSettings, passages, sentences
from qa_service.tokens import count_tokens

# The one thing outside the repository: two articles of the service's editors, which are not ours to publish.
SHARED_ARTICLES = Path(__file__).parents[2] / "shared" / "articles"

# Words and marks that meet in articles, and everything else now and then.
FRAGMENTS = st.one_of(
    st.sampled_from(
        """. ! ? … ... » « ” “ " ' ’ ) ( ] [ – — ; : M. Mme. Dr. U.S. J.-C. No. n° art. Oct. etc. e.g. p. 3 3.5 2024 1.
        Le The le the A À I L’accord exchanges.The Node.js www.example.com été mot Word""".split()
    ),
    st.sampled_from([" ", "  ", "\n", "\n\n", "\u00a0", "\u202f", "\t"]),
    st.text(max_size=8),
)
TEXTS = st.lists(FRAGMENTS, max_size=60).map("".join).map(canonical)
LANGUAGES = st.sampled_from(["en", "fr"])


def split(text, language="en"):
    return [text[span.start : span.end] for span in sentences(text, language)]


def article(text, language="en"):
    return Article("folder/id", "A title", language, text)


@pytest.mark.parametrize(
    "marked",
    [
        "One. | Two! | Three? | Four… | Five.",
        "He came on 31.10.2024. | The price is 3.5 or 1.000 euros. | 20 people left.",
        "J. F. Kennedy met Mr. Smith and Mrs. Jones. | Dr. No stayed.",
        "See No. 5, p. 3, pp. 4, fig. 2, vol. II and art. 4. | The answer is no. | The end.",
        "On Oct. 31 and Dec. 1 it rained. | It stopped in Oct. | Then it snowed.",
        "In the U.S. President Biden spoke. | He left the U.S. | The bill passed in the U.N. | In 2024 it failed.",
        "It starts at 5 p.m. | It ends early, i.e. at 6, e.g. by noon, or so. | Apple Inc. said so.",
        "Cats, dogs, etc. are pets. | Cats, dogs, etc. | Birds too.",
        "“Why?” he asked. | “Go.” | She went. | (He stayed.) | [Nobody saw.] | ‘Well.’ | Yes.",
        'He said "yes." | "No," she said.',
        "Well... maybe. | Well... | Then no. | Really?! | Yes.",
        "A statement “on a political solution.” | Kazakhstan agreed.",
        "This boosts trade exchanges. | The end.",
        "They met St. John on Main St. | They left.",
        "Use Node.js or example.Com now. | See https://a.example/b.Then or me@site.Then again.",
        "King Mohammed VI. | The talks with IT. | It works.",
        "J. Le Goff wrote it. | IBM Corp. IT staff agreed.",
        "1. Preheat the oven. | 2. Bake.",
        "It cost more. | $5 million went. | – Not true. | • An item.",
    ],
)
def test_english_sentences(marked):
    assert split(marked.replace(" | ", " ")) == marked.split(" | ")


@pytest.mark.parametrize(
    "marked",
    [
        "Un. | Deux ! | Trois\u202f? | Quatre… | Cinq.",
        "M. Bourita, Mme. Dupont, Mlle. X, MM. Le Goff et Y ont signé. | Le Pr. Martin aussi.",
        "« Pourquoi\u00a0?\u00a0» demande-t-il. | «\u202fIl part.\u202f» | Elle reste.",
        "Il dit : « Non ! » | Puis il sort.",
        "Selon l’art. 3, p. 12, n° 5, le 3 janv. 2024 et le 4 févr. 2025. | En déc. | Le froid vint.",
        "César naquit en 100 av. J.-C. et mourut. | Cela eut lieu en 44 av. J.-C. | Le temple fut bâti.",
        "Le roi Mohammed V. | Le peuple. | Charles X. | Il abdiqua. | Louis X. | L’accord tint.",
        "J. Le Goff écrit. | J.-P. Sartre aussi.",
        "Des pommes, etc. pour tous. | Des pommes, etc. | Paris aussi.",
        "Texte coupé [...] | Le ministre. | Vraiment ?! | Oui… | Non… peut-être.",
        "Le prix : 1.000 euros. | À Rabat, 3,5 % de plus. | Été comme hiver. | « Oui. | Non. »",
        "II. Économie. | Le pays va bien.",
        "Un soutien aux échanges. | Le Maroc l’affirme.",
        "— Viens ! | — Non. | — Pourquoi ? dit-elle.",
        "L’O.N.U. a voté. | C’est la décision de l’O.N.U. | Elle compte.",
    ],
)
def test_french_sentences(marked):
    assert split(marked.replace(" | ", " "), "fr") == marked.split(" | ")


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("trade exchanges.The end", "en", ["trade exchanges.", "The end"]),
        ("les échanges.Élargis", "fr", ["les échanges.", "Élargis"]),
        ("said “exchanges.”The end", "en", ["said “exchanges.”", "The end"]),
        ("the is.The no", "en", ["the is.The no"]),
        ("one exchanges.The.Others two", "en", ["one exchanges.The.Others two"]),
        ("A heading\nA text. Another.\n\n- item  \n", "en", ["A heading", "A text.", "Another.", "- item"]),
        ("", "fr", []),
        (" \n \u00a0\n", "fr", []),
        ("...", "en", ["..."]),
    ],
)
def test_borders_without_a_space_and_line_ends(text, language, expected):
    assert split(text, language) == expected


@given(TEXTS, LANGUAGES)
def test_sentences_hold_all_words_in_order(text, language):
    spans = sentences(text, language)
    end = 0
    for span in spans:
        assert not text[end : span.start].strip()
        assert span.start < span.end
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        assert "\n" not in text[span.start : span.end]
        end = span.end
    assert not text[end:].strip()


@settings(deadline=None)
@given(TEXTS, LANGUAGES, st.integers(1, 30), st.integers(0, 29))
def test_passages_of_any_text(text, language, tokens, overlap):
    budget = ChunkSettings(tokens, min(overlap, tokens - 1))
    found = passages(article(text, language), budget)
    assert [passage.number for passage in found] == list(range(len(found)))
    covered = 0
    for passage in found:
        assert passage.text == text[passage.start : passage.end] == passage.text.strip() != ""
        assert count_tokens(passage.text) <= tokens or len(passage.text) == 1
        assert not text[covered : passage.start].strip()
        assert passage.end > covered
        covered = passage.end
    assert not text[covered:].strip()


@settings(deadline=None)
@given(TEXTS, LANGUAGES, st.integers(0, 60))
def test_within_the_budget_passages_are_whole_sentences_and_repeat_no_more_than_the_overlap(text, language, overlap):
    spans = sentences(text, language)
    longest = max((count_tokens(text[span.start : span.end]) for span in spans), default=1)
    found = passages(article(text, language), ChunkSettings(max(longest, overlap + 1), overlap))
    assert {passage.start for passage in found} <= {span.start for span in spans}
    assert {passage.end for passage in found} <= {span.end for span in spans}
    for before, after in pairwise(found):
        assert count_tokens(text[after.start : max(after.start, before.end)]) <= overlap


def test_passages_overlap_by_whole_sentences():
    text = " ".join(f"Sentence {number} is here." for number in range(1, 7))
    cost = count_tokens("Sentence 1 is here.")
    found = passages(article(text), ChunkSettings(tokens=3 * cost, overlap=cost))
    numbers = [[int(word) for word in passage.text.split() if word.isdigit()] for passage in found]
    assert numbers == [[1, 2, 3], [3, 4, 5], [5, 6]]
    assert {(passage.document_id, passage.title, passage.language) for passage in found} == {
        ("folder/id", "A title", "en")
    }


def test_without_overlap_nothing_is_repeated():
    text = "One is here. Two is here. Three is here."
    found = passages(article(text), ChunkSettings(tokens=count_tokens("Three is here."), overlap=0))
    assert [passage.text for passage in found] == ["One is here.", "Two is here.", "Three is here."]


def test_a_sentence_over_the_budget_is_cut_between_words():
    text = "word " * 100 + "end."
    found = passages(article(text), ChunkSettings(tokens=20, overlap=5))
    assert len(found) >= 5
    assert " ".join(passage.text for passage in found) == text


def test_a_word_over_the_budget_is_cut_between_characters():
    text = "Before. " + "xq7é" * 200 + " after."
    found = passages(article(text), ChunkSettings(tokens=20, overlap=5))
    assert "".join(passage.text for passage in found).replace(" ", "") == text.replace(" ", "")


def test_there_is_no_budget_beside_the_one_in_the_settings():
    with pytest.raises(TypeError):
        ChunkSettings()
    with pytest.raises(TypeError):
        passages(article("One is here."))


@pytest.mark.parametrize(("tokens", "overlap"), [(0, 0), (10, 10), (10, -1), (-5, -6)])
def test_budgets_that_cannot_be_kept_are_refused(tokens, overlap):
    with pytest.raises(ValueError, match="overlap"):
        ChunkSettings(tokens, overlap)


@pytest.mark.parametrize(
    "unit",
    ["mot ", "x", ".", ". ", '."', ". » ", "A. ", "abc.Def ", "abc.Def", ". ( ", "?! ", "\u00a0", "1. ", "U.S. "],
)
def test_two_megabytes_on_one_line_end(unit):
    text = canonical("Début. " + unit * (2_000_000 // len(unit)) + "fin")
    spans = sentences(text, "fr")
    assert spans[0].start == 0
    assert spans[-1].end == len(text)


def test_passages_of_a_line_without_a_full_stop_end():
    found = passages(article("mot " * 50_000 + "x" * 50_000, "fr"), ChunkSettings(tokens=160, overlap=40))
    assert all(len(passage.text) <= 2_000 for passage in found)


@pytest.mark.skipif(not SHARED_ARTICLES.is_dir(), reason="needs the editors' two articles in ../shared/articles")
@pytest.mark.parametrize(
    ("name", "language", "count", "sentence"),
    [
        ("000_456f0858d2d0ba41.txt", "en", 13, "visa exemption agreement"),
        ("004_1bfb4ab0e03b8f4c.txt", "fr", 25, "Un soutien affirmé"),
    ],
)
def test_real_articles(name, language, count, sentence):
    real = read_article(DocumentFile("real", SHARED_ARTICLES / name), max_bytes=1_000_000)
    assert real.language == language
    found = split(real.text, language)
    assert len(found) == count
    assert any(sentence in one for one in found)
    assert found[0] == real.title
