"""Break-glass (POLICY section 3): data for an emergency, by two persons of the command, for 72 hours at most, reviewed when it is over."""
