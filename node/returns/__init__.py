"""What comes back to the territories (属地返还): how old it is at each of them, and an alarm where a promised return is missing."""
