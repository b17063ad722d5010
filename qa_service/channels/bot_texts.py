"""What the service says in chats, in each language: one table for every platform. Pages have one of their own."""

from __future__ import annotations

from qa_service.channels.page_texts import typeset
from qa_service.language import Language

# French punctuation is written with plain spaces here, as in ``page_texts``.
TEXTS: dict[str, dict[Language, str]] = {
    "working": {"en": "Searching the articles…", "fr": "Recherche dans les articles…"},
    "help": {
        "en": "I answer questions from our articles. Mention me in a channel, write to me directly or"
        " use /ask; to follow up, reply in the thread. Ask in English or in French: I answer in the language of your"
        " question, and every sentence cites the passage it rests on.",
        "fr": "Je réponds à vos questions à partir de nos articles. Mentionnez-moi dans un canal,"
        " écrivez-moi directement ou utilisez /ask ; pour préciser votre question, répondez dans le fil. Écrivez en"
        " français ou en anglais : je réponds dans la langue de la question, et chaque phrase cite le passage sur"
        " lequel elle s’appuie.",
    },
    "help_mattermost": {
        "en": "I answer questions from our articles. Write one after the word or the command that calls me, in English"
        " or in French: I answer in the language of your question, and every sentence cites the passage it rests on."
        " Your next question here may lean on this one.",
        "fr": "Je réponds à vos questions à partir de nos articles. Écrivez la vôtre après le mot ou la commande qui"
        " m’appelle, en français ou en anglais : je réponds dans la langue de la question, et chaque phrase cite le"
        " passage sur lequel elle s’appuie. Votre prochaine question ici peut s’appuyer sur celle-ci.",
    },
    "help_examples": {"en": "For example:", "fr": "Par exemple :"},
    "welcome": {
        "en": "You are welcome. Ask on whenever you like, or write help to see what I can do.",
        "fr": "Je vous en prie. Posez d’autres questions quand vous voulez, ou écrivez aide pour savoir ce que je"
        " fais.",
    },
    "too_long": {
        "en": "This question is too long: I can take {longest} characters at most. Please shorten it and ask again.",
        "fr": "Cette question est trop longue : je peux traiter {longest} caractères au plus. Abrégez-la, puis posez-la"
        " de nouveau.",
    },
    "not_ready": {
        "en": "The articles are not ready to be searched yet. Please try again in a few minutes; if it stays like this,"
        " tell whoever runs this service.",
        "fr": "Les articles ne sont pas encore prêts à être consultés. Réessayez dans quelques minutes ; si cela dure,"
        " prévenez la personne responsable du service.",
    },
    "failed": {
        "en": "Something went wrong on our side. Please ask your question again.",
        "fr": "Un problème est survenu de notre côté. Veuillez poser votre question de nouveau.",
    },
    "given_up": {
        "en": "I tried to answer this several times, in vain. Please ask again later, or word your question"
        " differently.",
        "fr": "J’ai tenté plusieurs fois de répondre, sans y parvenir. Reposez votre question plus tard ou formulez-la"
        " autrement.",
    },
    "storage": {
        "en": "I cannot take your question right now. Please try again in a minute.",
        "fr": "Je ne peux pas prendre votre question pour le moment. Réessayez dans une minute.",
    },
    "not_in_channel": {
        "en": "I may not write in {channel}. Please invite me there with /invite, then ask again.",
        "fr": "Je n’ai pas le droit d’écrire dans {channel}. Invitez-moi dans ce canal avec /invite, puis reposez votre"
        " question.",
    },
    "too_slow": {
        "en": "This answer takes longer than the chat waits for it. Please ask again later, or with the slash command.",
        "fr": "Cette réponse demande plus de temps que la messagerie n’en laisse. Reposez votre question"
        " plus tard, ou avec la commande précédée d’une barre oblique.",
    },
    "refused_tip": {
        "en": "Other words may help: try names, places or a year, or ask for one thing at a time.",
        "fr": "Essayez avec d’autres mots : un nom, un lieu, une année. Vous pouvez aussi ne demander qu’une chose à"
        " la fois.",
    },
    "related": {"en": "Perhaps of interest", "fr": "À lire peut-être"},
    "show_quotes": {"en": "Show quotes", "fr": "Voir les citations"},
    "quotes_title": {"en": "Quotes", "fr": "Citations"},
    "close": {"en": "Close", "fr": "Fermer"},
    "says_the_same": {"en": "The same in the other language:", "fr": "La même chose dans l’autre langue :"},
    "more_quotes": {
        "en": "There are more quotes than fit here.",
        "fr": "Il y a plus de citations qu’il n’en tient ici.",
    },
    "more_sources": {"en": "and {n} more", "fr": "et {n} de plus"},
    # Said by a reader of this language, who wants the other one.
    "ask_again": {"en": "Ask again in French", "fr": "Redemander en anglais"},
    "helpful": {"en": "Helpful", "fr": "Utile"},
    "unhelpful": {"en": "Not helpful", "fr": "Pas utile"},
    "thanks": {
        "en": "Thank you. Your rating is kept with this answer.",
        "fr": "Merci. Votre avis est conservé avec cette réponse.",
    },
    "answer_gone": {
        "en": "This answer is no longer kept. Please ask your question again.",
        "fr": "Cette réponse n’est plus conservée. Veuillez poser votre question de nouveau.",
    },
    "rating_failed": {
        "en": "Your rating could not be kept. Please try again.",
        "fr": "Votre avis n’a pas pu être conservé. Réessayez.",
    },
    "asked_already": {
        "en": "This was already asked again: the answer is in the thread.",
        "fr": "Cette question a déjà été reposée : la réponse est dans le fil.",
    },
    "asks": {"en": "{who} asks:", "fr": "{who} demande :"},
    "home_title": {"en": "Ask the articles", "fr": "Interroger les articles"},
    "home_intro": {
        "en": "Ask in English or in French. Answers are short, and every sentence cites the exact passage it rests on.",
        "fr": "Posez votre question en français ou en anglais. Les réponses sont brèves, et chaque phrase cite le"
        " passage exact sur lequel elle s’appuie.",
    },
    "home_indexed": {
        "en": "Articles to draw on: {en} in English, {fr} in French.",
        "fr": "Articles disponibles : {fr} en français, {en} en anglais.",
    },
    "home_examples": {"en": "Questions to try", "fr": "Questions à essayer"},
    "home_how": {
        "en": "Write to me in the Messages tab, mention me in a channel or use /ask. To follow up, reply in the thread"
        " of an answer. For a message of somebody else, choose “Ask about this” among its shortcuts.",
        "fr": "Écrivez-moi dans l’onglet Messages, mentionnez-moi dans un canal ou utilisez /ask. Pour préciser votre"
        " question, répondez dans le fil de la réponse. Pour le message de quelqu’un d’autre, choisissez « Ask about"
        " this » parmi ses raccourcis.",
    },
    "home_kept": {
        "en": "Below an answer you can see its quotes, ask again in the other language and say whether it helped.",
        "fr": "Sous chaque réponse, vous pouvez voir les citations, redemander dans l’autre langue et donner votre"
        " avis.",
    },
    "home_ask": {"en": "Ask", "fr": "Demander"},
}


def bot_text(key: str, language: Language, **values: str | int) -> str:
    """One of the texts, typeset, with what its placeholders stand for; values are taken as they are."""
    return typeset(TEXTS[key][language], language).format(**values)
