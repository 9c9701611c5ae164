"""The Slack surface: one bolt application, reached through the Events API and through Socket Mode."""
