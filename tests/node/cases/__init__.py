"""Cases: facts, their fold, the projection, and the desk that says and passes on."""
