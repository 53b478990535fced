"""The same records through other programs: PostgreSQL, NATS, Mosquitto and Redis as Debian ships them, beside a chain of nodes."""
