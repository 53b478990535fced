"""Quality rules, tickets and scores."""
