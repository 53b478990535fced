"""The appliance around the engine: configuration, identity, store, ingest, summaries, API, command line."""
