"""Classification: what the values and names of fields say about their grade, role, category and mask. Pure; nothing here decides."""
