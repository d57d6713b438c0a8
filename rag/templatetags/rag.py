"""``{% load rag %}``: states of documents and names of models."""

from django import template

from rag.pages.words import document_words, model_name

register = template.Library()
register.filter("document_words", document_words)
register.filter("model_name", model_name)
