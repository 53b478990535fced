"""LoRaWAN: uplinks of network servers, and payloads read by declared decoders."""
