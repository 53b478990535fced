"""The families against slow plain decoders."""
