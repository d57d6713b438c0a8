"""The demo's documents: what a small company's handbook says. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """One document of the handbook."""

    name: str
    title: str
    text: str
    tags: tuple[str, ...] = ()


PAGES: tuple[Page, ...] = (
    Page(
        "leave.md",
        "Annual leave",
        """# Annual leave

Everyone who works full time has 30 days of paid leave a year. Part-time staff have a share of it
that follows their hours.

## Asking for leave

Ask your lead at least two weeks ahead; for more than ten days in a row, six weeks ahead. Leads
answer within three working days. What is not answered by then is granted.

## Carrying days over

Up to five days can be taken along into the next year. They are gone after the 31st of March.
""",
    ),
    Page(
        "sick.md",
        "When you are ill",
        """# When you are ill

Tell your lead before ten in the morning, by phone or message. From the fourth day on we need a
doctor's note; the office scans it, you keep the original.

Days on which you were ill during your leave are given back once the note is there.
""",
    ),
    Page(
        "expenses.md",
        "Expenses",
        """# Expenses

Send receipts within 30 days of the purchase. What is complete by the 20th of a month is paid with
that month's salary.

## What is refunded without asking

Train tickets of the second class, meals on business trips up to 34 euros a day, and tools up to 100
euros.

## What needs a word first

Flights, hotels above 140 euros a night, and anything above 500 euros. Your lead approves it in the
expenses app.
""",
    ),
    Page(
        "travel.md",
        "Travelling",
        """# Travelling

Trains come before planes wherever the train takes less than six hours. Time on a train in which you
can work is working time; time in a plane is not, but is given back as rest on the day after.

## Booking

Book through the travel desk, so that we can reach you and change tickets. Insurance is part of
every booking made there.
""",
    ),
    Page(
        "remote.md",
        "Working from elsewhere",
        """# Working from elsewhere

You may work from home on three days a week. Teams agree on the days on which they are together.

## Abroad

Within the European Union you may work from another country for up to 20 days a year. Ask the people
team four weeks ahead: tax and insurance need papers. Outside of the European Union it is not
possible.
""",
    ),
    Page(
        "equipment.md",
        "Equipment",
        """# Equipment

New staff choose a laptop and a screen in their first week. Laptops are replaced after four years,
or when they break.

Report a lost laptop within one hour, at any time of day: call the on-call number. It is wiped from
afar.
""",
    ),
    Page(
        "on-call.md",
        "Being on call",
        """# Being on call

A turn lasts one week, from Monday at nine to Monday at nine. Whoever is on call answers within 15
minutes.

A turn is paid with 250 euros, and each hour of work at night counts twice. Nobody is on call for
two weeks in a row.
""",
        ("engineering",),
    ),
    Page(
        "security.md",
        "Passwords and keys",
        """# Passwords and keys

Use the password manager, and a second factor wherever there is one. Never send a key by mail or
chat.

## A key that got out

Replace it first, then tell the security team. Nobody is blamed for telling; everybody is for
keeping quiet.
""",
    ),
    Page(
        "visitors.md",
        "Visitors",
        """# Visitors

Visitors sign in at the desk on the ground floor and wear a badge. They are never alone on the third
floor, where customer data is worked on.
""",
    ),
    Page(
        "salaries.md",
        "Salaries and raises",
        """# Salaries and raises

Salaries are paid on the 25th. Raises are decided twice a year, in April and in October, from bands
that the people team keeps. The band of a level is 12 percent wide.

## Bonuses

There are no bonuses for single people. The whole company shares 8 percent of a year's profit, by
months of service.
""",
        ("people",),
    ),
    Page(
        "learning.md",
        "Learning",
        """# Learning

Everybody has 1,200 euros and five days a year for courses, books and conferences. Money that is not
used is gone at the end of the year; days can be taken along once.
""",
    ),
    Page(
        "leaving.md",
        "Leaving",
        """# Leaving

The notice period is three months to the end of a month. Hand over your work in your last two weeks,
and give back laptop, badge and keys on the last day. Leave that is left over is paid.
""",
    ),
)

QUESTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "How many days of paid leave do I have?",
        "leave.md",
        "Everyone who works full time has 30 days of paid leave a year [1].",
    ),
    (
        "Until when can I take leave from last year?",
        "leave.md",
        "Up to five days can be taken along into the next year [1]. They are gone after the 30th of June [1].",
    ),
    (
        "What is paid for meals on a business trip?",
        "expenses.md",
        "Meals on business trips are refunded up to 34 euros a day [1]. Flights need a word from your lead first.",
    ),
    (
        "May I work from another country for a month?",
        "remote.md",
        "Within the European Union you may work from another country for up to 20 days a year [1].",
    ),
    ("What does the canteen cook on Fridays?", "", "I could not find an answer to that in the documents."),
    (
        "My laptop is gone. What now?",
        "equipment.md",
        "Report a lost laptop within one hour by calling the on-call number [1]. It is wiped from afar [1].",
    ),
)
"""What is asked, the document that answers it (empty: none does), and what a model said: some of it is wrong."""
