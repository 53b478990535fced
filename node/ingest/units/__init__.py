"""Units of measure by UCUM: codes read and converted."""
