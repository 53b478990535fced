"""What the console knows of each governed matter: recalls, changed grades, emergencies, reviews, tickets, requests. One module a kind."""
