"""Addresses of the pages on which people make calls themselves."""

from django.urls import path

from gateway.pages.playground import Playground, PlaygroundAnswer, PlaygroundBudget, PlaygroundCode
from gateway.pages.start import StartCall, StartCode, StartKey, StartPage

console_try = [path("start/", StartPage.as_view(), name="start")]
portal_try = [
    path("start/", StartPage.as_view(), name="start"),
    path("start/call/", StartCall.as_view(), name="start-call"),
    path("start/key/", StartKey.as_view(), name="start-key"),
    path("start/code/", StartCode.as_view(), name="start-code"),
    path("playground/", Playground.as_view(), name="playground"),
    path("playground/answer/", PlaygroundAnswer.as_view(), name="playground-answer"),
    path("playground/code/", PlaygroundCode.as_view(), name="playground-code"),
    path("playground/budget/", PlaygroundBudget.as_view(), name="playground-budget"),
]
