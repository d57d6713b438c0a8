"""What a tenant is told by the calendar: reports by e-mail and Slack, as pages and PDF."""
