"""x"""
from flask import Blueprint, Flask
from qa_service.settings import Settings
def blueprint(app: Flask, settings: Settings) -> Blueprint:
    return Blueprint("docs_page", __name__)
