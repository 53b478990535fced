"""Pages for a browser on the same machine, or at the end of an SSH tunnel: a small HTTP server that nobody else can use."""
