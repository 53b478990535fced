"""node.toml: its keys, its errors, its template."""
