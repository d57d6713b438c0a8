"""Ways to draw a report: as mail, for Slack, as PDF; the page draws it by templates. All draw the same content."""
