"""What the pages say, in each language: one table, typeset once, for the templates and the page's scripts alike."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from qa_service.language import MONTHS, Language

# What words of each language stand between, with the spaces that belong to it.
QUOTATION_MARKS: dict[Language, tuple[str, str]] = {"en": ("“", "”"), "fr": ("«\u202f", "\u202f»")}

# French punctuation is written with plain spaces here: ``typeset`` makes them the no-break spaces they should be.
TEXTS: dict[str, dict[Language, str]] = {
    "name": {"en": "Ask the articles", "fr": "Interroger les articles"},
    "headline": {"en": "What would you like to know?", "fr": "Que voulez-vous savoir ?"},
    "standfirst": {
        "en": "Ask in English or in French. Every statement in an answer points at the exact passage it rests on.",
        "fr": "Posez votre question en français ou en anglais. Chaque affirmation de la réponse renvoie au passage"
        " exact sur lequel elle s’appuie.",
    },
    "indexed": {
        "en": "Articles to draw on: {en} in English, {fr} in French.",
        "fr": "Articles disponibles : {fr} en français, {en} en anglais.",
    },
    "examples": {"en": "For example", "fr": "Par exemple"},
    "skip": {"en": "Skip to the question box", "fr": "Aller au champ de question"},
    "transcript": {"en": "Questions and answers", "fr": "Questions et réponses"},
    "question": {"en": "Your question", "fr": "Votre question"},
    "placeholder": {"en": "Type your question", "fr": "Écrivez votre question"},
    "send": {"en": "Ask", "fr": "Demander"},
    "hint": {
        "en": "Enter sends, Shift + Enter starts a new line",
        "fr": "Entrée pour envoyer, Maj + Entrée pour aller à la ligne",
    },
    "answer_language": {"en": "Language of the answer", "fr": "Langue de la réponse"},
    "answer_in_same": {"en": "Answer in my language", "fr": "Répondre dans ma langue"},
    "answer_in_en": {"en": "Answer in English", "fr": "Répondre en anglais"},
    "answer_in_fr": {"en": "Answer in French", "fr": "Répondre en français"},
    "language_en": {"en": "English", "fr": "Anglais"},
    "language_fr": {"en": "French", "fr": "Français"},
    "searching": {"en": "Searching the articles…", "fr": "Recherche dans les articles…"},
    "reading": {"en": "Reading {n} passages…", "fr": "Lecture de {n} passages…"},
    "writing": {"en": "Writing…", "fr": "Rédaction…"},
    "stop": {"en": "Stop", "fr": "Arrêter"},
    "stopped": {
        "en": "Stopped before the end: what stands here was not checked against the articles.",
        "fr": "Réponse arrêtée avant la fin : ce qui est écrit ici n’a pas été confronté aux articles.",
    },
    "stopped_early": {"en": "Stopped before there was an answer.", "fr": "Recherche arrêtée avant toute réponse."},
    "new": {"en": "New conversation", "fr": "Nouvelle conversation"},
    "copy": {"en": "Copy with sources", "fr": "Copier avec les sources"},
    "copied": {"en": "Copied", "fr": "Copié"},
    "not_copied": {"en": "Could not be copied", "fr": "Copie impossible"},
    "rate": {"en": "Was this answer helpful?", "fr": "Cette réponse vous a-t-elle été utile ?"},
    "helpful": {"en": "Helpful", "fr": "Utile"},
    "unhelpful": {"en": "Not helpful", "fr": "Pas utile"},
    "thanks": {
        "en": "Thank you. Your rating is kept with this answer.",
        "fr": "Merci. Votre avis est conservé avec cette réponse.",
    },
    "comment": {"en": "A word on this answer? (optional)", "fr": "Un mot sur cette réponse ? (facultatif)"},
    "comment_send": {"en": "Send", "fr": "Envoyer"},
    "comment_sent": {"en": "Thank you, your comment is kept.", "fr": "Merci, votre commentaire est conservé."},
    "answer_absent": {"en": "Not in these articles", "fr": "Absent de ces articles"},
    "sources_one": {"en": "One source.", "fr": "Une source."},
    "sources_many": {"en": "{n} sources.", "fr": "{n} sources."},
    "close": {"en": "Close", "fr": "Fermer"},
    "opening_article": {"en": "Opening the article…", "fr": "Ouverture de l’article…"},
    "look": {"en": "Click to read it in the article", "fr": "Cliquez pour le lire dans l’article"},
    "sources": {"en": "Sources", "fr": "Sources"},
    "source": {"en": "Source {n}", "fr": "Source {n}"},
    "quoted_en": {"en": "The source, in English", "fr": "La source, en anglais"},
    "quoted_fr": {"en": "The source, in French", "fr": "La source, en français"},
    "parallel_en": {"en": "The same in English", "fr": "La même chose en anglais"},
    "parallel_fr": {"en": "The same in French", "fr": "La même chose en français"},
    "open": {"en": "Open article", "fr": "Ouvrir l’article"},
    "open_en": {"en": "Open the English article", "fr": "Ouvrir l’article en anglais"},
    "open_fr": {"en": "Open the French article", "fr": "Ouvrir l’article en français"},
    "related": {"en": "Perhaps worth reading", "fr": "À lire peut-être"},
    "retry": {"en": "Try again", "fr": "Réessayer"},
    "ask": {"en": "Ask a question", "fr": "Poser une question"},
    "to_cited": {"en": "Go to the cited passage", "fr": "Aller au passage cité"},
    "original": {"en": "Read it where it was published: {host}", "fr": "Lire l’article là où il a paru : {host}"},
    "version_en": {"en": "In English:", "fr": "En anglais :"},
    "version_fr": {"en": "In French:", "fr": "En français :"},
    "passage_en": {"en": "The same passage in English", "fr": "Le même passage en anglais"},
    "passage_fr": {"en": "The same passage in French", "fr": "Le même passage en français"},
    "articles": {"en": "Articles", "fr": "Articles"},
    "articles_counted": {
        "en": "{en} in English, {fr} in French. Told in both languages: {pairs}.",
        "fr": "{fr} en français, {en} en anglais. Parus dans les deux langues : {pairs}.",
    },
    "filter": {"en": "Filter by title", "fr": "Filtrer par titre"},
    "filter_send": {"en": "Filter", "fr": "Filtrer"},
    "filter_clear": {"en": "Clear the filter", "fr": "Effacer le filtre"},
    "show": {"en": "Show", "fr": "Afficher"},
    "show_all": {"en": "All articles", "fr": "Tous les articles"},
    "show_en": {"en": "In English", "fr": "En anglais"},
    "show_fr": {"en": "In French", "fr": "En français"},
    "show_alone": {"en": "Without a translation", "fr": "Sans traduction"},
    "articles_found": {"en": "Articles found: {n}", "fr": "Articles trouvés : {n}"},
    "articles_none": {"en": "No article matches this filter.", "fr": "Aucun article ne correspond à ce filtre."},
    "pages": {"en": "Pages", "fr": "Pages"},
    "page_position": {"en": "Page {page} of {pages}", "fr": "Page {page} sur {pages}"},
    "page_previous": {"en": "Previous page", "fr": "Page précédente"},
    "page_next": {"en": "Next page", "fr": "Page suivante"},
    "warning_unsupported_sentence_removed": {
        "en": "A sentence that the articles do not bear out was left out of this answer.",
        "fr": "Une phrase que les articles ne confirment pas a été retirée de cette réponse.",
    },
    "withdrawn": {
        "en": "A sentence that was shown while this answer was written is withdrawn: the articles do not bear it out.",
        "fr": "Une phrase affichée pendant la rédaction est retirée : les articles ne la confirment pas.",
    },
    "warning_llm_unavailable": {
        "en": "The language model was not available: this answer quotes the articles directly.",
        "fr": "Le modèle de langue n’était pas disponible : cette réponse cite directement les articles.",
    },
    "warning_llm_incomplete": {
        "en": "The language model stopped early: this answer may be incomplete.",
        "fr": "Le modèle de langue s’est arrêté trop tôt : cette réponse est peut-être incomplète.",
    },
    "warning_llm_wrong_language": {
        "en": "The language model wrote in the wrong language: this answer quotes the articles directly.",
        "fr": "Le modèle de langue n’a pas écrit dans la bonne langue : cette réponse cite directement les articles.",
    },
    "warning_sources_disagree": {
        "en": "The sources differ on this point.",
        "fr": "Les sources divergent sur ce point.",
    },
    "warning_other": {"en": "Please note: {what}.", "fr": "À noter : {what}."},
    "error_empty": {"en": "Please write a question first.", "fr": "Écrivez d’abord une question."},
    "error_question": {
        "en": "This question could not be taken. Please make it shorter or word it differently.",
        "fr": "Cette question n’a pas pu être prise en compte. Abrégez-la ou formulez-la autrement.",
    },
    "error_not_ready": {
        "en": "The articles are not ready to be searched yet. Please try again in a moment.",
        "fr": "Les articles ne sont pas encore prêts à être consultés. Réessayez dans un instant.",
    },
    "error_too_many": {
        "en": "Too many questions have arrived at once. Please wait a moment.",
        "fr": "Trop de questions sont arrivées à la fois. Patientez un instant.",
    },
    "error_signed_out": {
        "en": "Your session has ended. Please sign in and ask again.",
        "fr": "Votre session a pris fin. Identifiez-vous, puis posez de nouveau la question.",
    },
    "error_interrupted": {
        "en": "This answer was interrupted.",
        "fr": "Cette réponse a été interrompue.",
    },
    "error_article": {
        "en": "The article could not be opened here.",
        "fr": "L’article n’a pas pu être ouvert ici.",
    },
    "error_feedback": {
        "en": "Your rating could not be kept. Please try again.",
        "fr": "Votre avis n’a pas pu être conservé. Réessayez.",
    },
    "error_comment": {
        "en": "Your comment is too long. Please make it shorter.",
        "fr": "Votre commentaire est trop long. Abrégez-le.",
    },
    "error_answer_gone": {
        "en": "This answer is no longer kept, and so your rating cannot be.",
        "fr": "Cette réponse n’est plus conservée : votre avis ne peut pas l’être.",
    },
    "error_unreachable": {
        "en": "The service cannot be reached. Please check your connection.",
        "fr": "Le service est injoignable. Vérifiez votre connexion.",
    },
    "error_other": {
        "en": "Something went wrong on our side. Your question is kept: please try again.",
        "fr": "Un problème est survenu de notre côté. Votre question est conservée : réessayez.",
    },
    "error_page": {
        "en": "Something went wrong on our side. Please try again in a moment.",
        "fr": "Un problème est survenu de notre côté. Réessayez dans un instant.",
    },
    "error_other_site": {
        "en": "This request was made by a page of another site, and was not taken. Please ask from here.",
        "fr": "Cette demande venait d’une page d’un autre site et n’a pas été acceptée. Posez votre question ici.",
    },
    "docs": {"en": "HTTP interface", "fr": "Interface HTTP"},
    "docs_about": {
        "en": "Every route of this service, as it describes itself, with requests to copy and examples of replies.",
        "fr": "Toutes les routes de ce service, telles qu’il les décrit lui-même (en anglais), avec des requêtes à"
        " copier et des exemples de réponses.",
    },
    "docs_file": {
        "en": "The same as a file for programs: openapi.json",
        "fr": "La même description pour les programmes : openapi.json",
    },
    "docs_contents": {"en": "Routes", "fr": "Routes"},
    "docs_access_open": {"en": "Open to all.", "fr": "Ouvert à tous."},
    "docs_access_key": {"en": "Needs a key or a session.", "fr": "Demande une clé ou une session."},
    "docs_access_administrator": {
        "en": "Needs an administrator’s key.",
        "fr": "Demande une clé d’administrateur.",
    },
    "docs_parameters": {"en": "Parameters", "fr": "Paramètres"},
    "docs_in_path": {"en": "in the path", "fr": "dans le chemin"},
    "docs_in_query": {"en": "in the query", "fr": "dans la requête"},
    "docs_in_header": {"en": "as a header", "fr": "en en-tête"},
    "docs_in_cookie": {"en": "as a cookie", "fr": "en cookie"},
    "docs_required": {"en": "required", "fr": "obligatoire"},
    "docs_else": {"en": "else", "fr": "sinon"},
    "docs_body": {"en": "Body:", "fr": "Corps :"},
    "docs_replies": {"en": "Replies", "fr": "Réponses"},
    "docs_errors": {"en": "Errors", "fr": "Erreurs"},
    "docs_requests": {"en": "Requests", "fr": "Requêtes"},
    "docs_shared": {"en": "With every request", "fr": "Avec toute requête"},
    "docs_fields": {"en": "Fields", "fr": "Champs"},
    "docs_example": {"en": "Example", "fr": "Exemple"},
    "docs_example_en": {"en": "In English", "fr": "En anglais"},
    "docs_example_fr": {"en": "In French", "fr": "En français"},
    "docs_example_both": {"en": "In both languages", "fr": "Dans les deux langues"},
    "docs_example_stream": {"en": "As a stream", "fr": "En flux"},
    "docs_example_none": {"en": "Not in the articles", "fr": "Absent des articles"},
    "docs_example_across": {
        "en": "A French answer to an English question",
        "fr": "Réponse en français à une question en anglais",
    },
    "docs_schemas": {"en": "Schemas", "fr": "Schémas"},
    "sign_in": {"en": "Sign in", "fr": "S’identifier"},
    "sign_in_why": {
        "en": "These articles are open to readers who hold an access key.",
        "fr": "Ces articles sont réservés aux lecteurs munis d’une clé d’accès.",
    },
    "sign_in_key": {"en": "Access key", "fr": "Clé d’accès"},
    "sign_in_wrong": {
        "en": "This key is not right. Please check it and try again.",
        "fr": "Cette clé n’est pas la bonne. Vérifiez-la et réessayez.",
    },
    "sign_in_too_many": {
        "en": "Too many keys that are not right were tried from here. Please wait a minute.",
        "fr": "Trop de clés erronées ont été essayées d’ici. Patientez une minute.",
    },
    "sign_in_ended": {
        "en": "Your session has ended. Please sign in, then send your question again.",
        "fr": "Votre session a pris fin. Identifiez-vous, puis envoyez de nouveau votre question.",
    },
    "sign_in_first": {
        "en": "Only readers who have signed in can ask the articles here.",
        "fr": "Seuls les lecteurs identifiés peuvent interroger les articles ici.",
    },
    "sign_in_tab": {"en": "Sign in in a new tab", "fr": "S’identifier dans un nouvel onglet"},
    "sign_out": {"en": "Sign out", "fr": "Se déconnecter"},
    "error_not_found": {
        "en": "There is no page at this address.",
        "fr": "Il n’y a pas de page à cette adresse.",
    },
    "error_no_article": {
        "en": "There is no article at this address. It may have been moved or withdrawn.",
        "fr": "Il n’y a pas d’article à cette adresse. Il a peut-être été déplacé ou retiré.",
    },
}


@cache
def texts(language: Language) -> dict[str, str]:
    """Every text of the pages in one language, typeset."""
    return {key: typeset(versions[language], language) for key, versions in TEXTS.items()}


def warning_text(warning: str, language: Language) -> str:
    """A warning of an answer as a sentence; one that has none yet, by its name."""
    known = texts(language)
    return known.get(f"warning_{warning}") or known["warning_other"].format(what=warning.replace("_", " "))


def shown_date(published: str, language: Language) -> str:
    """An ISO date as people write it; anything else as it stands."""
    try:
        day = date.fromisoformat(published[:10])
    except ValueError:
        return published
    number = "1er" if language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {MONTHS[language][day.month - 1]} {day.year}"


def shown_number(number: int, language: Language) -> str:
    """A whole number with its thousands set apart as the language does."""
    return f"{number:,}".replace(",", "\u202f" if language == "fr" else ",")


def typeset(text: str, language: Language) -> str:
    """A text written with plain spaces, with the no-break spaces that French punctuation has."""
    if language != "fr":
        return text
    narrow = re.sub(r" (?=[?!;»])|(?<=«) ", "\u202f", text)
    return narrow.replace(" :", "\u00a0:")
