"""How data from devices enters: the sensor door, decoders, a site broker, CSV replay."""
