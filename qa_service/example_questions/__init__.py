"""The questions that a first visitor is shown, made of the indexed articles and asked before they are shown."""

from qa_service.example_questions.choosing import ExampleQuestions

__all__ = ["ExampleQuestions"]
