"""Real node processes in network namespaces joined by a seeded pipe of two TUN devices: thin, lossy, one-way, silent and cut links."""
